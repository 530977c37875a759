// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordIdentity
import ChordRPC
import ChordWire
import ChordTestSupport
import Testing

@testable import ChordRuntime

@Suite("Lookups in a settled ring", .tags(.interaction))
struct LookupTests {
    @Test("1,000 keys from every node have the owner that a sorted list gives")
    func oracle() throws {
        let ring = try InProcessRing.settled(12, seed: 4)
        ring.executor.run(for: .seconds(20))
        let circle = ring.circle
        for node in circle {
            let shell = ring.shell(node.name)
            let ids = (0..<1000).map { _ in ring.randomIdentifier() } + circle.map(\.id)
            let results = try ring.executor.wait {
                var results: [LookupResult] = []
                for id in ids { results.append(try await shell.lookup(id, wantsPath: true)) }
                return results
            }
            for result in results {
                #expect(result.owner == ring.owner(of: result.id, in: circle))
                #expect(result.path.first == node)
                #expect(result.path.last == result.answering)
                #expect(result.path.count == result.hops + 1)
                #expect(Set(result.path.map(\.id)).count == result.path.count)
                let index = try #require(circle.firstIndex(of: result.owner))
                let following = Array((circle[(index + 1)...] + circle[..<index]).prefix(3))
                #expect(result.successors.prefix(3) == following[...])
            }
        }
    }

    @Test("In a ring smaller than the lists the reply contains all members", arguments: 2...5)
    func shortLists(count: Int) throws {
        let ring = try InProcessRing.settled(count, seed: 10)
        let circle = ring.circle
        for node in circle {
            let shell = ring.shell(node.name)
            for (index, owner) in circle.enumerated() {
                let result = try ring.executor.wait { try await shell.lookup(owner.id) }
                #expect(result.owner == owner)
                let others = Array(circle[(index + 1)...] + circle[..<index])
                // Who answers is the owner or stands before it, and knows one fewer after it.
                #expect(others.starts(with: result.successors))
                #expect(result.successors.count >= min(count - 1, 3))
            }
        }
    }

    @Test("Without the path the answer is the same, including hops")
    func withoutPath() throws {
        let ring = try InProcessRing.settled(12, seed: 5)
        ring.executor.run(for: .seconds(20))
        let shell = ring.shell("n3")
        for _ in 0..<300 {
            let id = ring.randomIdentifier()
            let (long, short) = try ring.executor.wait {
                (try await shell.lookup(id, wantsPath: true), try await shell.lookup(id))
            }
            #expect(short.path.isEmpty)
            #expect(short.owner == long.owner)
            #expect(short.hops == long.hops)
            #expect(short.successors == long.successors)
            #expect(short.answering == long.answering)
        }
    }

    @Test("Fingers keep lookups short")
    func hops() throws {
        let ring = try InProcessRing.settled(20, seed: 6)
        ring.executor.run(for: .seconds(60))
        let shell = ring.shell("n7")
        for _ in 0..<300 {
            let id = ring.randomIdentifier()
            let result = try ring.executor.wait { try await shell.lookup(id) }
            #expect(result.hops <= 5)
        }
    }

    @Test("What the view answers does not wait for the node's executor", .timeLimit(.minutes(1)))
    func atOnce() async throws {
        let ring = try InProcessRing.settled(5, seed: 9)
        let shell = ring.shell("n2")
        // Nobody drives the executor meanwhile.
        let own = try await shell.lookup(shell.view.node.id)
        #expect(own.owner == shell.view.node)
        #expect(own.hops == 0)
        let head = try #require(shell.view.successors.first)
        #expect(try await shell.lookup(head.id).owner == head)
    }

    @Test("Once members are known, lookups take one hop, and a dead member costs one call once")
    func oneHop() throws {
        let ring = try InProcessRing.settled(40, seed: 8)
        let shell = ring.shell("n7")
        func hops(_ count: Int) throws -> [Int] {
            try (0..<count).map { _ in
                let id = ring.randomIdentifier()
                let result = try ring.executor.wait { try await shell.lookup(id) }
                #expect(result.owner == ring.owner(of: id))
                return result.hops
            }
        }
        _ = try hops(400)
        #expect(try hops(300).allSatisfy { $0 <= 1 })
        #expect(shell.members.size.count == 39)
        ring.kill("n20")
        ring.kill("n21")
        #expect(ring.settle(limit: .seconds(60)))
        _ = try hops(400)
        #expect(try hops(300).allSatisfy { $0 <= 1 })
    }

    @Test("Without memory for members, lookups go by the table")
    func byTable() throws {
        let ring = try InProcessRing.settled(40, seed: 8, .byTables)
        let shell = ring.shell("n7")
        let hops = try (0..<300).map { _ in
            let id = ring.randomIdentifier()
            return try ring.executor.wait { try await shell.lookup(id) }.hops
        }
        #expect(hops.contains { $0 > 1 })
        #expect(shell.members.size.count == 0)
    }

    @Test("Iterative steps lead to the owner, each nearer than the one before")
    func iterative() throws {
        let ring = try InProcessRing.settled(12, seed: 7)
        ring.executor.run(for: .seconds(20))
        let space = ring.space
        let client = InProcessRing.identity("tool", role: .client)
        for _ in 0..<200 {
            let id = ring.randomIdentifier()
            var asked = "n0"
            var distance = space.distance(from: ring.identifier(asked), to: id)
            var owner: NodeReference?
            for step in 0..<20 where owner == nil {
                let request = FindSuccessorRequest(id: id, hops: step, iterative: true)
                let result = try ring.call(
                    ChordMethods.findSuccessor,
                    at: asked,
                    as: client,
                    message: request.encoded(in: space)
                )
                #expect(result.status.isOK)
                let reply = try FindSuccessorReply(decoding: result.message, space: space)
                #expect(reply.answering.name == asked)
                #expect(reply.hops == step)
                if let found = reply.owner {
                    #expect(reply.closer.isEmpty)
                    owner = found
                } else {
                    let next = try #require(reply.closer.first)
                    let nearer = space.distance(from: next.id, to: id)
                    #expect(nearer < distance)
                    (asked, distance) = (next.name, nearer)
                }
            }
            #expect(owner == ring.owner(of: id))
        }
    }

    @Test(
        "An iterative step avoids nodes found dead, but still names one as owner"
    )
    func iterativeExcluding() throws {
        let ring = try InProcessRing.settled(7, seed: 8)
        let circle = ring.circle
        func reply(for place: Int) throws -> FindSuccessorReply {
            let request = FindSuccessorRequest(
                id: circle[place].id,
                iterative: true,
                excluded: [circle[place].id]
            )
            let result = try ring.call(
                ChordMethods.findSuccessor,
                at: circle[0].name,
                as: InProcessRing.identity("tool", role: .client),
                message: request.encoded(in: ring.space)
            )
            return try FindSuccessorReply(decoding: result.message, space: ring.space)
        }
        let far = try reply(for: 3)
        #expect(far.owner == nil)
        #expect(far.closer.first == circle[2])
        #expect(!far.closer.contains(circle[3]))
        // Who owns an identifier is for maintenance to say.
        #expect(try reply(for: 1).owner == circle[1])
    }

    @Test("An exhausted hop budget is RESOURCE_EXHAUSTED and names the node")
    func hopBudget() throws {
        let ring = try InProcessRing.settled(12, seed: 9)
        let circle = ring.circle
        let request = FindSuccessorRequest(id: circle[7].id, hopBudget: 3, hops: 3)
        let result = try ring.call(
            ChordMethods.findSuccessor,
            at: circle[0].name,
            as: InProcessRing.identity("n99"),
            message: request.encoded(in: ring.space)
        )
        #expect(result.status.code == .resourceExhausted)
        #expect(result.status.message.contains(circle[0].name))

        // What the node knows itself needs no budget.
        let own = FindSuccessorRequest(id: circle[0].id, hopBudget: 3, hops: 3)
        let answer = try ring.call(
            ChordMethods.findSuccessor,
            at: circle[0].name,
            as: InProcessRing.identity("n99"),
            message: own.encoded(in: ring.space)
        )
        #expect(try FindSuccessorReply(decoding: answer.message, space: ring.space).hops == 3)
    }

    @Test("A node that is no member refuses lookups")
    func notMember() throws {
        let ring = InProcessRing()
        let shell = ring.add("n0")
        let error = #expect(throws: ChordError.self) {
            try ring.executor.wait { try await shell.lookup(Identifier(1)) }
        }
        #expect(error?.code == .notMember)
    }
}
