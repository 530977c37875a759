// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordWire
import ChordTestSupport
import Testing

@testable import ChordRuntime

@Suite("Lookups past nodes that are silent or slow", .tags(.interaction))
struct SilenceTests {
    /// A node, a node that it forwards a lookup to, and an identifier for which it does.
    private struct Route {
        let from: NodeReference
        let hop: NodeReference
        let id: Identifier
        let path: [NodeReference]
    }

    private func route(
        in ring: InProcessRing,
        where accept: (LookupResult) -> Bool
    ) throws -> Route {
        for node in ring.circle {
            let shell = ring.shell(node.name)
            for _ in 0..<200 {
                let id = ring.randomIdentifier()
                let result = try ring.executor.wait { try await shell.lookup(id, wantsPath: true) }
                if result.path.count > 1, accept(result) {
                    return Route(from: node, hop: result.path[1], id: id, path: result.path)
                }
            }
        }
        throw InProcessRing.NotIdeal("no such route")
    }

    /// A route over a hop that is no neighbour, so that maintenance does not interfere.
    private func routeOverFinger(in ring: InProcessRing) throws -> Route {
        try route(in: ring) { result in
            let view = ring.shell(result.path[0].name).view
            return !view.successors.contains(result.path[1])
                && ring.owner(of: result.id) != result.path[1]
        }
    }

    @Test(
        "Another member is asked beside a silent hop, which alone is blamed",
        arguments: [false, true]
    )
    func silentHop(isBudgetSpent: Bool) throws {
        let ring = try InProcessRing.settled(10, seed: 31, .byTables)
        ring.executor.run(for: .seconds(20))
        let route = try routeOverFinger(in: ring)
        let shell = ring.shell(route.from.name)
        let before = shell.view.table.entries
        ring.plan.set(.silent, from: route.from.address, to: route.hop.address)
        let executor = ring.executor
        if isBudgetSpent { shell.states.hedges.spend(at: executor.now) }
        let allowed = shell.peers.times.patience(
            for: route.hop.address,
            floor: shell.configuration.failureDetection.lookupFloor
        )
        let start = executor.now
        let result = try executor.wait { try await shell.lookup(route.id) }
        #expect(result.owner == ring.owner(of: route.id))
        let elapsed = executor.now - start
        let wait = isBudgetSpent ? allowed.allowance : allowed.hedge
        #expect(allowed.hedge < allowed.allowance / 2)
        #expect(elapsed >= wait)
        #expect(elapsed <= wait + .milliseconds(50))
        // The call to the silent hop goes on until the hop counts as silent.
        executor.run(for: allowed.allowance)
        let after = shell.view.table.entries
        #expect(after == before.filter { $0 != route.hop })
        #expect(ring.plan.callsUnderWay(ChordMethods.findSuccessor) == 0)
    }

    @Test("Another member is asked beside a hop that answers late, and the hop is not blamed")
    func lateHop() throws {
        let ring = try InProcessRing.settled(10, seed: 31, .byTables)
        ring.executor.run(for: .seconds(20))
        let route = try routeOverFinger(in: ring)
        let shell = ring.shell(route.from.name)
        let table = shell.view.table
        ring.plan.set(.delay(.milliseconds(20)), from: route.from.address, to: route.hop.address)
        let start = ring.executor.now
        let result = try ring.executor.wait { try await shell.lookup(route.id) }
        #expect(result.owner == ring.owner(of: route.id))
        #expect(ring.executor.now - start < .milliseconds(40))
        #expect(shell.silent.toGoAround(at: ring.executor.now) == [route.hop.id])
        ring.executor.run(for: .milliseconds(60))
        #expect(shell.silent.toGoAround(at: ring.executor.now) == [])
        #expect(shell.view.table == table)
        #expect(ring.plan.callsUnderWay(ChordMethods.findSuccessor) == 0)
    }

    @Test("The second member is left alone when the first one answers before it")
    func firstIsFaster() throws {
        let ring = try InProcessRing.settled(10, seed: 31, .byTables)
        ring.executor.run(for: .seconds(20))
        let route = try routeOverFinger(in: ring)
        let shell = ring.shell(route.from.name)
        let table = shell.view.table
        for node in ring.circle where node != route.hop {
            ring.plan.set(.delay(.seconds(1)), from: route.from.address, to: node.address)
        }
        ring.plan.set(.delay(.milliseconds(10)), from: route.from.address, to: route.hop.address)
        func asked() -> Int {
            ring.plan.started(ChordMethods.findSuccessor, from: route.from.address)
        }
        let before = asked()
        let result = try ring.executor.wait { try await shell.lookup(route.id) }
        #expect(result.owner == ring.owner(of: route.id))
        #expect(asked() > before + 1)
        ring.executor.drain()
        #expect(!shell.silent.toGoAround(at: ring.executor.now).contains(route.hop.id))
        #expect(shell.view.table == table)
        #expect(ring.plan.callsUnderWay(ChordMethods.findSuccessor) == 0)
    }

    @Test("A member that is only late is asked before an answer passes over it")
    func lateOwner() throws {
        let ring = try InProcessRing.settled(10, seed: 31)
        ring.executor.run(for: .seconds(20))
        let circle = ring.circle
        let from = circle[0]
        let shell = ring.shell(from.name)
        // The node knows the owner, and a liar names the member after it.
        let place = try #require(
            circle.indices.dropFirst(2).dropLast(2).last {
                shell.view.table.entries.contains(circle[$0])
            }
        )
        let owner = circle[place]
        let after = circle[(place + 1) % circle.count]
        for node in circle where node != from && node != owner {
            ring.plan.set(
                .lies { _ in FindSuccessorReply(owner: after, answering: after) },
                to: node.address
            )
        }
        ring.plan.set(.delay(.milliseconds(30)), from: from.address, to: owner.address)
        let result = try ring.executor.wait { try await shell.lookup(owner.id) }
        #expect(result.owner == owner)
        ring.executor.drain()
        #expect(!shell.silent.wasSilent(owner.id, at: ring.executor.now))
    }

    @Test("A silence of the whole peer timeout is remembered as one until the member answers")
    func wholeSilence() {
        let silent = SilentPeers(for: .seconds(1))
        let id = Identifier(7)
        let now = MonotonicTime(nanoseconds: 5)
        silent.add(id, at: now, isWhole: false)
        #expect(silent.toGoAround(at: now) == [id])
        #expect(!silent.wasSilent(id, at: now))
        silent.add(id, at: now)
        silent.add(id, at: now, isWhole: false)
        #expect(silent.wasSilent(id, at: now + .seconds(9)))
        #expect(!silent.wasSilent(id, at: now + .seconds(10)))
        silent.remove(id)
        #expect(!silent.wasSilent(id, at: now))
    }

    @Test("One forwarded lookup in ten may be hedged, and ten per second")
    func budget() {
        var now = MonotonicTime(nanoseconds: 5)
        let budget = HedgeBudget(at: now)
        func taken() -> Int { (0..<100).count { _ in budget.take(at: now) } }
        #expect(taken() == 32)
        for _ in 0..<9 { budget.forwarded() }
        #expect(taken() == 0)
        budget.forwarded()
        #expect(taken() == 1)
        now = now + .seconds(1)
        #expect(taken() == 10)
        for _ in 0..<10_000 { budget.forwarded() }
        #expect(taken() == 32)
    }

    @Test("Two silent members in a row cost the usual time of each, and not a peer timeout")
    func twoSilentHops() throws {
        let ring = try InProcessRing.settled(10, seed: 31)
        ring.executor.run(for: .seconds(20))
        let route = try route(in: ring) { ring.owner(of: $0.id) != $0.path[1] }
        let shell = ring.shell(route.from.name)
        let circle = ring.circle
        let place = try #require(circle.firstIndex(of: route.hop))
        let stopped = [circle[place], circle[(place + 1) % circle.count]]
        for node in ring.circle where !stopped.contains(node) {
            for other in stopped { ring.plan.set(.silent, from: node.address, to: other.address) }
        }
        // The owner is the member after the stopped ones. The member before it in the ring is stopped.
        let id = circle[(place + 2) % circle.count].id
        let start = ring.executor.now
        let result = try ring.executor.wait { try await shell.lookup(id) }
        #expect(result.owner == ring.owner(of: id))
        #expect(ring.executor.now - start < shell.configuration.failureDetection.lookupFloor)
    }

    @Test("Nodes that accepted are not blamed for a slow one behind them")
    func earlyAccept() throws {
        let ring = try InProcessRing.settled(10, seed: 32, .byTables)
        ring.executor.run(for: .seconds(20))
        let route = try route(in: ring) { $0.path.count >= 3 }
        let last = route.path[route.path.count - 1]
        let before = route.path[route.path.count - 2]
        // It accepts by its answer only, and within what it is allowed the answer is not there.
        ring.plan.set(.slowAnswer(.seconds(3)), from: route.from.address, to: route.hop.address)
        let shell = ring.shell(route.from.name)
        let table = shell.view.table
        let start = ring.executor.now
        let result = try ring.executor.wait { try await shell.lookup(route.id) }
        #expect(result.owner == ring.owner(of: route.id))
        #expect(ring.executor.now - start >= .seconds(3))
        #expect(shell.view.table.entries.contains(route.hop))
        #expect(shell.view.table == table)
        #expect(ring.shell(before.name).view.table.entries.contains(last))
    }

    @Test(
        "Lookups go around a stopped node until maintenance has decided, and each second one asks it"
    )
    func onceForAll() throws {
        let ring = try InProcessRing.settled(10, seed: 31)
        ring.executor.run(for: .seconds(20))
        let route = try route(in: ring) { result in
            ring.owner(of: result.id) != result.path[1]
        }
        let shell = ring.shell(route.from.name)
        for node in ring.circle where node != route.hop {
            ring.plan.set(.silent, from: node.address, to: route.hop.address)
        }
        func time(_ id: Identifier) throws -> Duration {
            let start = ring.executor.now
            let result = try ring.executor.wait { try await shell.lookup(id) }
            #expect(result.owner == ring.owner(of: id))
            return ring.executor.now - start
        }
        let usual = shell.peers.times.patience(
            for: route.hop.address,
            floor: shell.configuration.failureDetection.lookupFloor
        )
        #expect(try time(route.id) >= usual.hedge)
        for _ in 0..<5 { #expect(try time(route.id) < usual.hedge) }
    }

    @Test("Of many lookups one asks a silent member again, and it is forgotten in the end")
    func trials() {
        let silent = SilentPeers(for: .seconds(1))
        let id = Identifier(7)
        let start = MonotonicTime(nanoseconds: 5)
        #expect(silent.toGoAround(at: start) == [])
        silent.add(id, at: start)
        #expect(silent.toGoAround(at: start + .milliseconds(999)) == [id])
        #expect(silent.toGoAround(at: start + .seconds(1)) == [])
        #expect(silent.toGoAround(at: start + .seconds(1)) == [id])
        #expect(silent.toGoAround(at: start + .milliseconds(1999)) == [id])
        silent.remove(id)
        #expect(silent.toGoAround(at: start + .seconds(1)) == [])
        silent.add(id, at: start)
        for other in 100..<400 as Range<UInt64> { silent.add(Identifier(other), at: start) }
        #expect(silent.toGoAround(at: start).count == 64)
        #expect(silent.toGoAround(at: start).contains(id))
        #expect(silent.toGoAround(at: start + .seconds(10)) == [])
        #expect(silent.toGoAround(at: start) == [])
    }

    @Test(
        "The deadline ends the call at the caller and beyond, and no peer is blamed"
    )
    func deadline() throws {
        var settings = InProcessRing.Settings.byTables
        settings.successorCount = 2
        let ring = try InProcessRing.settled(24, seed: 33, settings)
        ring.executor.run(for: .seconds(30))
        let route = try route(in: ring) { $0.path.count >= 4 }
        // The first hop forwards. Whoever else is asked accepts, and no answer comes.
        for node in ring.circle where node != route.hop {
            ring.plan.set(.silentAfterHeaders, to: node.address)
        }
        let shell = ring.shell(route.from.name)
        let tables = route.path.map { ring.shell($0.name).view.table }
        let start = ring.executor.now
        let error = #expect(throws: ChordError.self) {
            try ring.executor.wait { try await shell.lookup(route.id, timeout: .milliseconds(300)) }
        }
        #expect(error?.code == .deadlineExceeded)
        #expect(ring.executor.now - start == .milliseconds(300))
        ring.executor.drain()
        #expect(route.path.map { ring.shell($0.name).view.table } == tables)
        ring.executor.run(for: .milliseconds(10))
        let lookups = ring.plan.lookupsUnderWay(of: route.id)
        #expect(lookups == 0)
    }

    @Test("A deadline without time left blames no peer")
    func noTime() throws {
        let ring = try InProcessRing.settled(10, seed: 34, .byTables)
        ring.executor.run(for: .seconds(20))
        // A successor would stay in any case: only operations take one out of the list.
        let route = try route(in: ring) { result in
            !ring.shell(result.path[0].name).view.successors.contains(result.path[1])
        }
        let shell = ring.shell(route.from.name)
        let table = shell.view.table
        for timeout in [Duration.zero, .seconds(-1), .nanoseconds(1), .milliseconds(1)] {
            let error = #expect(throws: ChordError.self) {
                try ring.executor.wait { try await shell.lookup(route.id, timeout: timeout) }
            }
            #expect(error?.code == .deadlineExceeded)
        }
        ring.executor.drain()
        #expect(shell.view.table == table)
    }

    @Test("Cancelling a lookup ends it here and at the next hops")
    func cancelled() throws {
        let ring = try InProcessRing.settled(10, seed: 35, .byTables)
        ring.executor.run(for: .seconds(20))
        let route = try route(in: ring) { $0.path.count >= 3 }
        ring.plan.set(.slowAnswer(.seconds(4)), from: route.hop.address, to: route.path[2].address)
        // Nobody asks another one beside it.
        for node in [route.from, route.hop] {
            ring.shell(node.name).states.hedges.spend(at: ring.executor.now)
        }
        let shell = ring.shell(route.from.name)
        let lookup = ring.executor.start { try await shell.lookup(route.id) }
        ring.executor.run(for: .milliseconds(20))
        #expect(ring.plan.callsUnderWay(ChordMethods.findSuccessor) == 2)
        lookup.cancel()
        ring.executor.drain()
        #expect(throws: ChordError.self) { try lookup.value(limit: .zero) }
        ring.executor.run(for: .milliseconds(10))
        #expect(ring.plan.callsUnderWay(ChordMethods.findSuccessor) == 0)

        let before = ring.executor.start { try await shell.lookup(route.id) }
        before.cancel()
        ring.executor.drain()
        #expect(throws: ChordError.self) { try before.value(limit: .zero) }
    }

    @Test("A member that cannot answer is skipped")
    func nonMember() throws {
        let ring = try InProcessRing.settled(8, seed: 36, .byTables)
        ring.executor.run(for: .seconds(20))
        let route = try route(in: ring) { result in
            !ring.shell(result.path[0].name).view.successors.contains(result.path[1])
        }
        // It returns with an empty memory before anybody has noticed that it was gone.
        ring.restart(route.hop.name)
        let shell = ring.shell(route.from.name)
        let result = try ring.executor.wait { try await shell.lookup(route.id) }
        #expect(result.owner != route.hop || ring.owner(of: route.id) == route.hop)
    }
}

extension HedgeBudget {
    /// Spends everything, also the forwarded lookups that are fewer than one hedged call costs.
    fileprivate func spend(at now: MonotonicTime) {
        while take(at: now) {}
        while !take(at: now) { forwarded() }
    }
}
