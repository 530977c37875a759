// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordTestSupport
import Foundation
import Synchronization
import Testing

/// Nodes with data that stop and come back, or leave for good.
@Suite(.tags(.network, .slow), .serialized, .timeLimit(.minutes(5)))
struct StoreGoingTests {
    @Test("While all nodes are restarted one after the other, no call fails and no replica moves")
    func rollingRestart() async throws {
        try await ProcessRing.running(3) { ring in
            // A split makes another range, and may come long after all ranges have their replicas.
            try await eventually("the ranges are split at all members") {
                let ends = Set(try await ranges(of: ring).map(\.bounds.upperBound))
                return ends.isSuperset(of: ring.inOrder.map(\.id))
            }
            try await awaitWhole(ring)
            let before = try await replicas(of: ring)
            let traffic = StoreTraffic(ring.inOrder)
            try await traffic.during {
                for name in ["n1", "n2", "n3"] {
                    let node = try #require(ring.forget(name))
                    defer { node.process.kill() }
                    node.process.send(SIGTERM)
                    let outcome = try await node.process.outcome()
                    #expect(outcome.code == 0, "\(outcome.errors)")
                    try await ring.start(name, at: node.address)
                    try await awaitWhole(ring)
                    let count = traffic.count
                    try await eventually("the clients go on") {
                        traffic.count >= count + 8
                    }
                }
            }
            #expect(traffic.failures.prefix(5) == [], "of \(traffic.count) calls")
            #expect(try await replicas(of: ring) == before)
        }
    }

    @Test("A range that has reached --range-size is split, and keeps its keys")
    func rangeSize() async throws {
        let options = [
            "--stabilize-interval", "250ms", "--replicas", "1", "--range-size", "16KiB",
        ]
        try await ProcessRing.running(1, options: options) { ring in
            try await awaitWhole(ring)
            let before = try await ranges(of: ring).count
            let client = try await ProcessRing.client(of: ring.inOrder)
            let keys = (0..<40).map { StoreKey("key \($0)") }
            for key in keys {
                _ = try await client.store.put(key, [UInt8](repeating: 7, count: 1_000))
            }
            try await eventually("there are more ranges than \(before)") {
                try await ranges(of: ring).count > before + 1
            }
            for key in keys {
                #expect(try await client.store.get(key)?.bytes.count == 1_000)
            }
            await client.close()
        }
    }

    @Test(
        "A node that leaves moves its data; it stays if a majority would be lost, or if interrupted"
    )
    func leaving() async throws {
        try await ProcessRing.running(3) { ring in
            try await awaitWhole(ring)
            let traffic = StoreTraffic(ring.inOrder.filter { $0.name == "n1" })
            let flags = try ring.flags("n2", as: "admin-admin")
            let leaver = try #require(ring.nodes["n2"])
            let absent = try #require(ring.nodes["n3"])
            try await traffic.during {
                try await ring.kill("n3")

                let interrupted = try ChordProcess(["leave"] + flags)
                defer { interrupted.kill() }
                try await eventually("n2 is asked to leave") {
                    leaver.process.errorText.contains("asked to leave")
                }
                interrupted.send(SIGINT)
                _ = try await interrupted.outcome()

                let refused = try await ChordProcess.run(["leave"] + flags)
                #expect(refused.code == 1, "\(refused.errors)")
                #expect(
                    refused.errors.contains("would have no majority, because n3 does not answer"),
                    "\(refused.errors)"
                )
                #expect(leaver.process.isRunning)

                try await ring.start("n3", at: absent.address)
                try await awaitWhole(ring)
                let left = try await ChordProcess.run(["leave"] + flags)
                #expect(left.code == 0, "\(left.errors)")
                #expect(left.output == "n2 at \(leaver.address) has left the ring and stops\n")
                _ = ring.forget("n2")
                #expect(try await leaver.process.outcome().code == 0)
                try await ring.awaitIdeal(2)
            }
            #expect(traffic.failures.prefix(5) == [], "of \(traffic.count) calls")
            let holders = try await replicas(of: ring).values.flatMap { $0 }
            #expect(!holders.isEmpty && holders.allSatisfy { !$0.hasPrefix("n2 ") }, "\(holders)")
        }
    }

    /// Waits until an operator would go on with the next node.
    private func awaitWhole(_ ring: ProcessRing) async throws {
        let flags = try ring.flags(ring.inOrder[0].name)
        var last = ""
        try await eventually("all ranges have their replicas: \(last)") {
            let outcome = try await ChordProcess.run(["store", "status", "--check"] + flags)
            last = outcome.output + outcome.errors
            return outcome.code == 0
        }
    }

    /// The nodes and numbers of the replicas of each range.
    private func replicas(of ring: ProcessRing) async throws -> [String: [String]] {
        var found: [String: [String]] = [:]
        for range in try await ranges(of: ring) {
            found[range.range] = range.replicas.map { "\($0.node) \($0.number)" }.sorted()
        }
        return found
    }

    /// The ranges as each node that has a replica of them knows them.
    private func ranges(of ring: ProcessRing) async throws -> [StoreRangeStatus] {
        var found: [StoreRangeStatus] = []
        for node in ring.inOrder {
            let client = try await ProcessRing.client(of: [node])
            do {
                found += try await client.store.status().ranges
            } catch {
                await client.close()
                throw error
            }
            await client.close()
        }
        return found
    }
}

/// Puts and gets that go on while something happens to the nodes. Each task has keys of its own, so it knows what it must
/// read.
private final class StoreTraffic: Sendable {
    private struct State {
        var count = 0
        var failures: [String] = []
        var isOver = false
    }

    private let state = Mutex(State())
    private let nodes: [ProcessNode]

    /// - Parameter nodes: the contacts of each client.
    init(_ nodes: [ProcessNode]) {
        self.nodes = nodes
    }

    var count: Int { state.withLock { $0.count } }
    var failures: [String] { state.withLock { $0.failures } }

    func during(_ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for number in 0..<4 { tasks.addTask { try await self.call(number) } }
            defer { state.withLock { $0.isOver = true } }
            try await body()
            state.withLock { $0.isOver = true }
            try await tasks.waitForAll()
        }
    }

    private func call(_ task: Int) async throws {
        let client = try await ProcessRing.client(of: nodes)
        var number = 0
        while !state.withLock({ $0.isOver }) {
            let name = "task \(task) key \(number % 50)"
            let key = StoreKey(name)
            let value = "value \(number)"
            number += 1
            do throws(StoreClientError) {
                _ = try await client.store.put(key, Array(value.utf8), timeout: .seconds(5))
                let read = try await client.store.get(key, timeout: .seconds(5))
                note(
                    read?.text == value ? nil : "\(name): \(read?.text ?? "nothing"), not \(value)"
                )
            } catch {
                note("\(name): \(error)")
            }
        }
        await client.close()
    }

    private func note(_ failure: String?) {
        state.withLock { state in
            state.count += 1
            if let failure { state.failures.append(failure) }
        }
    }
}
