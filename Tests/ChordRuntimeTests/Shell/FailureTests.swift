// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import Logging
import NIOConcurrencyHelpers
import ChordTestSupport
import Testing

@testable import ChordRuntime

@Suite("Nodes that crash, return and leave", .tags(.interaction))
struct FailureTests {
    @Test(
        "Two adjacent nodes crash: no lookup fails, the peer timeout alone delays them",
        arguments: [false, true]
    )
    func twoAdjacent(silently: Bool) throws {
        let ring = try InProcessRing.settled(10, seed: 21)
        ring.executor.run(for: .seconds(20))
        let circle = ring.circle
        let dead = [circle[4], circle[5]]
        let limit = ring.shell(circle[0].name).configuration.failureDetection.initial
        for node in dead {
            ring.kill(node.name)
            if silently { ring.plan.set(.silent, to: node.address) }
        }
        let left = ring.circle
        // Keys away from what the dead owned have their owner throughout.
        let gone = IdentifierRange(after: circle[3].id, through: circle[6].id)
        let executor = ring.executor
        for round in 0..<12 {
            let lookups = left.map { node in
                let id = ring.randomIdentifier()
                let shell = ring.shell(node.name)
                return executor.start {
                    let start = executor.now
                    let result = try await shell.lookup(id)
                    return (result, executor.now - start)
                }
            }
            for lookup in lookups {
                let (result, elapsed) = try lookup.value(limit: .seconds(10))
                let owner = ring.owner(of: result.id, in: left)
                let isBetween = gone.contains(result.id)
                #expect(result.owner == owner || (isBetween && dead.contains(result.owner)))
                // Each of the two may cost its limit at two nodes of a path: what one found dead
                // the next does not know.
                #expect(elapsed <= limit * 4 + .milliseconds(200), "round \(round)")
            }
            executor.run(for: .milliseconds(250))
        }
        #expect(ring.settle(limit: .seconds(15)), "\(ring.description)")
        for node in left {
            let shell = ring.shell(node.name)
            for _ in 0..<50 {
                let id = ring.randomIdentifier()
                let result = try executor.wait { try await shell.lookup(id) }
                #expect(result.owner == ring.owner(of: id))
            }
        }
    }

    @Test("The largest number of simultaneous crashes that the proof allows is survived")
    func threeOfEight() throws {
        let ring = try InProcessRing.settled(9, seed: 22)
        let circle = ring.circle
        for node in circle[2...4] { ring.kill(node.name) }
        #expect(ring.settle(limit: .seconds(30)), "\(ring.description)")
    }

    @Test("A neighbour is dialled again before it counts as dead")
    func deadConnection() throws {
        let ring = try InProcessRing.settled(7, seed: 5)
        let node = ring.circle[2]
        ring.plan.set(.silentUntilDialledAnew, to: node.address)
        let isMissed = ring.executor.run(
            until: { !ring.shell(ring.circle[1].name).view.successors.contains(node) },
            limit: .seconds(20)
        )
        #expect(!isMissed)
        #expect(ring.isIdeal, "\(ring.description)")
        // It still is no immortality.
        ring.plan.set(.silent, to: node.address)
        #expect(
            ring.executor.run(
                until: { !ring.shell(ring.circle[1].name).view.successors.contains(node) },
                limit: .seconds(10)
            )
        )
    }

    @Test("A lookup without live candidates is retried while half of its time is left")
    func startsOver() throws {
        let ring = try InProcessRing.settled(7, seed: 6)
        let asking = ring.circle[0]
        let shell = ring.shell(asking.name)
        let before = try #require(ring.circle.last)
        let id = before.id
        for node in ring.circle.dropFirst() {
            ring.plan.set(
                .answers(Status(.aborted, "not now")),
                from: asking.address,
                to: node.address
            )
        }
        let executor = ring.executor
        let start = executor.now
        let error = #expect(throws: ChordError.self) {
            try executor.wait { try await shell.lookup(id) }
        }
        #expect(error?.code == .lookupFailed)
        let half = shell.configuration.lookups.deadline / 2
        #expect((half - .milliseconds(200)...half).contains(executor.now - start))

        let lookup = executor.start { try await shell.lookup(id) }
        executor.run(for: .seconds(1))
        for node in ring.circle { ring.plan.set(nil, from: asking.address, to: node.address) }
        #expect(try lookup.value().owner == before)
    }

    @Test("A node that was stopped for a while is adopted again", arguments: [1, 2, 3])
    func stoppedForAWhile(seed: UInt64) throws {
        let ring = try InProcessRing.settled(7, seed: seed)
        let node = ring.circle[2]
        let before = ring.circle[1]
        ring.plan.set(.silent, to: node.address)
        #expect(
            ring.executor.run(
                until: { !ring.shell(before.name).view.successors.contains(node) },
                limit: .seconds(10)
            )
        )
        ring.plan.set(nil, to: node.address)
        #expect(ring.settle(limit: .seconds(15)), "\(ring.description)")
    }

    @Test(
        "A successor that answers with errors only is dropped in the end",
        arguments: [StatusCode.internalError, .unavailable, .aborted]
    )
    func neverASensibleWord(code: StatusCode) throws {
        let ring = try InProcessRing.settled(7, seed: 3)
        let (before, node) = (ring.circle[1], ring.circle[2])
        let status = Status(code, "not now")
        ring.plan.set(.answers(status), to: node.address)
        // Being slow to answer is no death.
        ring.executor.run(for: .seconds(5))
        #expect(ring.shell(before.name).view.successors.first == node)
        let isPassedOver = ring.executor.run(
            until: { ring.shell(before.name).view.successors.first == ring.circle[3] },
            limit: .seconds(15)
        )
        #expect(isPassedOver)
        ring.plan.set(nil, to: node.address)
        #expect(ring.settle(limit: .seconds(15)), "\(ring.description)")
    }

    @Test("A node that only its predecessor cannot reach is still used by others")
    func unreachableFromOne() throws {
        let ring = try InProcessRing.settled(7, seed: 4)
        let (before, node) = (ring.circle[1], ring.circle[2])
        ring.plan.set(.unconnected, from: before.address, to: node.address)
        ring.executor.run(for: .seconds(30))
        // Reachability that is not mutual is outside the proof; lookups must end all the same.
        for asking in ring.circle {
            let shell = ring.shell(asking.name)
            let id = ring.randomIdentifier()
            let result = try ring.executor.wait { try await shell.lookup(id) }
            let others = ring.circle.filter { $0 != node }
            let owners = [ring.owner(of: id), ring.owner(of: id, in: others)]
            #expect(owners.contains(result.owner))
        }
        ring.plan.set(nil, from: before.address, to: node.address)
        #expect(ring.settle(limit: .seconds(15)), "\(ring.description)")
    }

    @Test("A ring of two survives the loss of one")
    func lastOne() throws {
        let ring = try InProcessRing.settled(2)
        ring.kill("n0")
        #expect(ring.settle(limit: .seconds(10)), "\(ring.description)")
        let shell = ring.shell("n1")
        let result = try ring.executor.wait { try await shell.lookup(Identifier(1)) }
        #expect(result.owner == shell.view.node)
        #expect(shell.view.range.isWholeCircle)
        try ring.join("n0", through: "n1")
        #expect(ring.settle(limit: .seconds(10)), "\(ring.description)")
    }

    @Test("A node restarts under its name while lookups continue", arguments: [1, 2, 3])
    func restart(seed: UInt64) throws {
        let ring = try InProcessRing.settled(8, seed: seed)
        ring.executor.run(for: .seconds(10))
        let executor = ring.executor
        let name = ring.circle[3].name
        let old = ring.shell(name).view.node
        let asking = ring.circle.filter { $0.name != name }
        let answers = NIOLockedValueBox<[Result<LookupResult, any Error>]>([])
        let isOver = NIOLockedValueBox(false)
        let askers = asking.map { node in
            let shell = ring.shell(node.name)
            return executor.start {
                while !isOver.withLockedValue({ $0 }) {
                    let id = ring.randomIdentifier()
                    do {
                        let result = try await shell.lookup(id)
                        answers.withLockedValue { $0.append(.success(result)) }
                    } catch {
                        answers.withLockedValue { $0.append(.failure(error)) }
                    }
                    await withCheckedContinuation { continuation in
                        _ = executor.schedule(after: .milliseconds(20)) { continuation.resume() }
                    }
                }
            }
        }
        executor.run(for: .milliseconds(500))
        ring.kill(name)
        executor.run(for: .milliseconds(200))
        let shell = ring.add(name)
        let joining = executor.start {
            try await shell.join(through: [asking[0].address], for: .seconds(30))
        }
        try joining.value()
        #expect(ring.settle(limit: .seconds(20)), "\(ring.description)")
        executor.run(for: .seconds(1))
        isOver.withLockedValue { $0 = true }
        for asker in askers { try asker.value() }

        let new = shell.view.node
        #expect(new.id == old.id)
        #expect(new.incarnation > old.incarnation)
        let results = answers.withLockedValue { $0 }
        #expect(results.count > 200)
        let members = Set(asking + [old, new])
        for result in results {
            let result = try result.get()
            #expect(members.contains(result.owner))
            // The place is the same in both lives, and while it is empty its successor's.
            let with = ring.owner(of: result.id)
            let without = ring.owner(of: result.id, in: asking.sorted { $0.id < $1.id })
            #expect([with.id, without.id].contains(result.owner.id))
        }
        // The old life is forgotten everywhere.
        executor.run(for: .seconds(20))
        for node in ring.circle {
            #expect(!ring.shell(node.name).view.table.entries.contains(old))
        }
    }

    @Test("A leaving node tells its neighbours, which need no tick", arguments: [2, 3, 6])
    func leave(count: Int) throws {
        let ring = try InProcessRing.settled(count, seed: 5)
        let circle = ring.circle
        let leaver = circle[0]
        let shell = ring.shell(leaver.name)
        let before = ring.executor.now
        try ring.leave(leaver.name)
        let elapsed = ring.executor.now - before
        #expect(elapsed < .milliseconds(100))
        // One round trip for the farewell, and one for the notify that follows from it.
        ring.executor.run(for: .milliseconds(20))
        let predecessor = ring.shell(circle[count - 1].name).view
        let successor = ring.shell(circle[1].name).view
        if count > 2 {
            #expect(predecessor.successors.first == circle[1])
            #expect(successor.predecessor == circle[count - 1])
        } else {
            #expect(predecessor.successors.isEmpty)
            #expect(successor.range.isWholeCircle)
        }
        #expect(ring.settle(limit: .seconds(10)), "\(ring.description)")

        // The leaver says that it is no member, and knows why it ended.
        #expect(!shell.view.isMember)
        #expect(try ring.executor.wait { await shell.waitForEnd() } == nil)
        for method in [ChordMethods.getPredecessor, ChordMethods.getSuccessorList] {
            let result = try ring.call(
                method,
                at: leaver.name,
                as: InProcessRing.identity("x"),
                message: []
            )
            #expect(result.status.code == .failedPrecondition)
        }
        let error = #expect(throws: ChordError.self) {
            try ring.executor.wait { try await shell.lookup(leaver.id) }
        }
        #expect(error?.code == .notMember)
    }

    @Test("Leaving waits no longer than the peer timeout")
    func leaveUnheard() throws {
        let ring = try InProcessRing.settled(3)
        let shell = ring.shell("n0")
        for neighbour in ring.circle where neighbour.name != "n0" {
            ring.plan.set(.silent, to: neighbour.address)
        }
        let (first, second) = (
            ring.executor.start { await shell.leave() }, ring.executor.start { await shell.leave() }
        )
        let start = ring.executor.now
        try first.value()
        try second.value()
        #expect(ring.executor.now - start <= shell.configuration.failureDetection.cap)
    }

    @Test("Lookups through a leaving node continue by another path")
    func lookupsDuringLeave() throws {
        let ring = try InProcessRing.settled(8, seed: 6)
        ring.executor.run(for: .seconds(10))
        let circle = ring.circle
        let lookups = (0..<200).map { _ in
            let shell = ring.shell(circle[Int(ring.executor.random() % 7) + 1].name)
            let id = ring.randomIdentifier()
            return ring.executor.start { try await shell.lookup(id) }
        }
        ring.executor.drain()
        try ring.leave(circle[0].name)
        for lookup in lookups {
            let result = try lookup.value()
            let owners = [ring.owner(of: result.id), ring.owner(of: result.id, in: circle)]
            #expect(owners.contains(result.owner))
        }
    }

    @Test("A broken connection to the successor starts a round at once")
    func connectionLost() throws {
        let ring = try InProcessRing.settled(5)
        ring.executor.run(for: .seconds(5))
        let node = ring.circle[0]
        let successor = ring.circle[1]
        ring.kill(successor.name)
        let before = ring.plan.started(ChordMethods.getSuccessorList)
        ring.shell(node.name).connectionLost(to: successor.address)
        ring.executor.run(for: .milliseconds(15))
        #expect(ring.plan.started(ChordMethods.getSuccessorList) > before)
        #expect(ring.shell(node.name).view.successors.first == ring.circle[1])
    }

    @Test("A broken connection to another node starts no round")
    func connectionLostToStranger() throws {
        let ring = try InProcessRing.settled(3)
        let view = ring.shell("n0").view
        ring.shell("n0").connectionLost(to: "nobody:1")
        ring.shell("n0").connectionLost(to: view.node.address)
        ring.executor.drain()
        #expect(ring.shell("n0").view == view)
    }

    @Test("Of two nodes with one name the lower incarnation stops and names the other")
    func replaced() throws {
        let ring = try InProcessRing.settled(4, seed: 7)
        let name = ring.circle[2].name
        let old = ring.shell(name)
        let predecessor = ring.circle[1]
        // Cut off, the old life counts as dead; a new one joins elsewhere under its name.
        ring.plan.set(.silent, to: old.view.node.address)
        #expect(
            ring.executor.run(
                until: { ring.shell(predecessor.name).view.successors.first?.name != name },
                limit: .seconds(10)
            )
        )
        let new = ring.add(name, host: "elsewhere")
        try ring.executor.wait {
            try await new.join(through: [predecessor.address], for: .seconds(30))
        }
        ring.plan.set(nil, to: old.view.node.address)
        let end = try ring.executor.start { await old.waitForEnd() }.value(limit: .seconds(60))
        #expect(end?.code == .replaced)
        #expect(end?.message.contains(InProcessRing.address("elsewhere")) == true)
        #expect(end?.message.contains(InProcessRing.address(name)) == true)
        #expect(!old.view.isMember)
        #expect(new.view.isMember)
        let errors = ring.member(name).log.lines.filter { $0.level == .error }
        #expect(errors.map(\.message).contains("replaced"))
    }
}
