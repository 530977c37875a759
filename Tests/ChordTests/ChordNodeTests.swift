// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import Logging
import ServiceLifecycle
import ChordTestSupport
import Testing

/// Nodes in this process, over loopback and mutual TLS, through the API that a program embeds.
@Suite(.tags(.network)) struct ChordNodeTests {
    @Test("Two nodes share the ring, and their range changes form a chain", .timeLimit(.minutes(5)))
    func twoNodes() async throws {
        let first = try await ChordNode(try await configuration("n1"))
        try await running(first) {
            #expect(first.successors == [])
            #expect(first.predecessor == first.reference)
            let whole = try #require(first.range)
            #expect(whole.isWholeCircle)
            let second = try await ChordNode(
                try await configuration("n2", joining: [first.reference.address])
            )
            #expect(second.range == nil)
            var changes = first.rangeChanges().makeAsyncIterator()
            let present = try #require(await changes.next())
            #expect(present.from == nil)
            #expect(present.to == whole)
            #expect(present.gained == [whole])
            #expect(present.cause == nil)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await second.run() }
                try await second.waitUntilJoined()
                let joined = try #require(await changes.next())
                #expect(joined.from == whole)
                #expect(joined.lost.count == 1)
                let range = try #require(joined.to)
                #expect(range.lowerBound == second.reference.id)
                #expect(range.upperBound == first.reference.id)
                try await wait(for: first) { first.successors == [second.reference] }
                #expect(first.predecessor == second.reference)
                #expect(first.parameters == second.parameters)

                for number in 0..<50 {
                    let key = "key \(number)"
                    let id = first.identifier(of: key)
                    let owner = range.contains(id) ? first.reference : second.reference
                    let one = try await first.lookup(key: key)
                    let other = try await second.lookup(id, wantsPath: true)
                    #expect(one.owner == owner)
                    #expect(other.owner == owner)
                    #expect(one.id == id)
                    #expect(second.identifier(of: Array(key.utf8)) == id)
                }
                tasks.cancelAll()
                try await tasks.waitForAll()
            }
            // It left, and said so: the circle is the first one's again.
            let left = try #require(await changes.next())
            #expect(left.from?.lowerBound == second.reference.id)
            #expect(left.to == whole)
        }
        #expect(first.range == nil)
    }

    @Test("A client looks keys up without being a member", .timeLimit(.minutes(5)))
    func asking() async throws {
        let node = try await ChordNode(try await configuration("n1"))
        try await running(node) {
            let client = try await client("alice", of: node)
            let answer = try await client.lookup(key: "apple", wantsPath: true)
            #expect(answer.owner == node.reference)
            let same = try await client.lookup(answer.id)
            #expect(same.owner == node.reference)
            let verified = try await client.lookup(key: "apple", verify: true)
            #expect(verified.owner == node.reference)
            #expect(verified.verification?.agreeing == 1)
            let own = try await node.lookup(key: "apple", verify: true)
            #expect(own.owner == node.reference)
            let trace = try await client.trace(key: "apple")
            #expect(trace.steps.map(\.node) == [node.reference])
            let walk = try await client.walk()
            #expect(walk.isIdeal)
            #expect(walk.members.map(\.node) == [node.reference])
            #expect(try await client.parameters() == node.parameters)
            // In a service group it is closed with the group.
            let task = Task { await client.run() }
            task.cancel()
            await task.value
            // A closed client says so in time, rather than waiting for ever.
            let closed = await #expect(throws: ChordError.self) { try await client.walk() }
            #expect(closed?.code == .stopped)
            for await event in node.events() {
                guard case .now(let description) = event else { break }
                #expect(description.node == node.reference)
                #expect(description.phase == .member)
                break
            }
        }
    }

    @Test("A node leaves on graceful shutdown of its service group", .timeLimit(.minutes(5)))
    func serviceGroup() async throws {
        let first = try await ChordNode(try await configuration("n1"))
        try await running(first) {
            let second = try await ChordNode(
                try await configuration("n2", joining: [first.reference.address])
            )
            let group = ServiceGroup(
                services: [second],
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            )
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await group.run() }
                try await second.waitUntilJoined()
                try await wait(for: first) { first.successors == [second.reference] }
                #expect(try await first.lookup(second.reference.id).owner == second.reference)
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
            }
            #expect(second.range == nil)
            // The one that stayed was told.
            try await wait(for: first) { first.successors.isEmpty }
            #expect(try await first.lookup(second.reference.id).owner == first.reference)
        }
    }

    @Test("A node that cannot join ends with the reason", .timeLimit(.minutes(5)))
    func refusedByTheRing() async throws {
        let first = try await ChordNode(try await configuration("n1"))
        try await running(first) {
            var other = try await configuration("n2", joining: [first.reference.address])
            other.ring.name = "another"
            let second = try await ChordNode(other)
            let error = await #expect(throws: ChordError.self) { try await second.run() }
            #expect(error?.code == .parametersDiffer)
            #expect(error?.message.contains("\"another\"") == true)
            let waiting = await #expect(throws: ChordError.self) {
                try await second.waitUntilJoined()
            }
            #expect(waiting?.code == .parametersDiffer)
            let lookup = await #expect(throws: ChordError.self) {
                try await second.lookup(key: "apple")
            }
            #expect(lookup?.code == .notMember)
        }
    }

    @Test("A node that does not run is no member and says so", .timeLimit(.minutes(5)))
    func notRunning() async throws {
        let node = try await ChordNode(try await configuration("n1"))
        #expect(node.range == nil)
        let error = await #expect(throws: ChordError.self) { try await node.lookup(key: "apple") }
        #expect(error?.code == .notMember)
    }
}
