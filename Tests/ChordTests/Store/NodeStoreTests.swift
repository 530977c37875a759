// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordTestSupport
import ChordWire
import Testing

/// `ChordNode.store`: the store as programs use it that run a node themselves.
@Suite("The store of a node", .tags(.network), .timeLimit(.minutes(5)))
struct NodeStoreTests {
    @Test("Every node reads and writes all keys, also those that other nodes lead")
    func everyNode() async throws {
        try await withStoreRing(.memory) { ring in
            var nodes: [ChordNode] = []
            for name in ["n1", "n2", "n3"] { nodes.append(try await ring.start(name)) }
            try await ring.awaitVoters(3)
            for (index, node) in nodes.enumerated() {
                for number in 0..<10 {
                    let key = StoreKey("\(index).\(number)")
                    #expect(try await node.store.put(key, [UInt8(number)]).applied)
                }
            }
            for node in nodes {
                for index in nodes.indices {
                    for number in 0..<10 {
                        let value = try await node.store.get(StoreKey("\(index).\(number)"))
                        #expect(value?.bytes == [UInt8(number)])
                    }
                }
            }
            let store = nodes[2].store
            let first = try await store.put("a", [1], if: .absent)
            #expect(try await !store.put("a", [2], if: .absent).applied)
            #expect(try await store.touch("a", timeToLive: .seconds(60)).applied)
            #expect(try await store.delete("a", if: .version(first.version)).applied)
            let partition = Array("p".utf8)
            let batch = try await store.batch([.put([1], [1]), .put([2], [2])], in: partition)
            #expect(batch.applied)
            var names: [[UInt8]] = []
            for try await row in nodes[0].store.list(in: partition) { names.append(row.key.name) }
            #expect(names == [[1], [2]])
            #expect(try await nodes[1].store.count(in: partition) == 2)
            #expect(try await store.status(of: nodes[0].reference).node == "n1")
            // A node's certificate is no administrator's.
            let refused = await #expect(throws: StoreClientError.self) {
                try await store.setReplicas(1)
            }
            #expect(refused?.code == .refused)
        }
    }

    @Test("A node alone serves itself without a connection, and a write waits for its start")
    func alone() async throws {
        try await withStoreRing(.memory) { ring in
            let node = try await ChordNode(try await ring.configuration("n1"))
            // The node is not running yet.
            let early = Task { try await node.store.put("a", [1], timeout: .seconds(30)) }
            try await running(node) {
                try await node.waitUntilJoined()
                #expect(try await early.value.applied)
                #expect(try await node.store.get("a")?.bytes == [1])
            }
            let error = await #expect(throws: StoreClientError.self) {
                try await node.store.put("a", [2])
            }
            #expect(error?.code == .stopped && error?.mayHaveHappened == false)
        }
    }

    @Test("A write without a majority ends with an error that leaves it in doubt")
    func inDoubt() async throws {
        try await withStoreRing { ring in
            var nodes: [ChordNode] = []
            for name in ["n1", "n2", "n3"] { nodes.append(try await ring.start(name)) }
            try await ring.awaitVoters(3)
            try await nodes[0].store.put("a", [1])
            let leader = try #require(
                try await ring.ranges().first { range in
                    range.descriptor.bounds.contains(nodes[0].identifier(of: "a"))
                }.flatMap { range in
                    range.descriptor.replicas.first { $0.number == range.leader }?.node
                }
            )
            for name in ["n1", "n2", "n3"] where name != leader { try await ring.stop(name) }
            let node = try #require(await ring.nodes[leader])
            let error = await #expect(throws: StoreClientError.self) {
                try await node.store.put("a", [2], timeout: .seconds(3))
            }
            #expect(error?.code == .unavailable)
            // Proposed at the leader itself: it may be committed later.
            #expect(error?.mayHaveHappened == true)
            let read = await #expect(throws: StoreClientError.self) {
                try await node.store.get("a", timeout: .seconds(2))
            }
            #expect(read?.code == .unavailable && read?.mayHaveHappened == false)
        }
    }

    @Test("A node without a part of the store asks its successors; without any store it says so")
    func withoutPart() async throws {
        try await withStoreRing(.memory) { ring in
            let first = try await ring.start("n1")
            let guest = try await ChordNode(
                try await configuration("n2", joining: [first.reference.address])
            )
            try await running(guest) {
                try await guest.waitUntilJoined()
                try await guest.store.put("a", [1])
                #expect(try await first.store.get("a")?.bytes == [1])
            }
        }
        let node = try await ChordNode(try await configuration("n1"))
        try await running(node) {
            try await node.waitUntilJoined()
            let error = await #expect(throws: StoreClientError.self) {
                try await node.store.put("a", [1])
            }
            #expect(error?.code == .noStore && error?.mayHaveHappened == false)
        }
    }

    @Test("The counter in Examples/EmbeddedStore counts each visit once, on two nodes at a time")
    func example() async throws {
        try await withStoreRing(.memory) { ring in
            var counters: [VisitCounter] = []
            for name in ["n1", "n2"] { counters.append(VisitCounter(try await ring.start(name))) }
            let numbers = try await withThrowingTaskGroup(of: [Int].self) { tasks in
                for counter in counters {
                    tasks.addTask {
                        var numbers: [Int] = []
                        for _ in 0..<20 { numbers.append(try await counter.visit("/")) }
                        return numbers
                    }
                }
                return try await tasks.reduce(into: []) { $0 += $1 }
            }
            #expect(numbers.sorted() == Array(1...40))
            #expect(try await counters[0].all() == ["/": 40])
        }
    }
}
