// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordTestSupport
import Foundation
import Synchronization
import Testing

/// Whole nodes, as a user runs them: processes, sockets, mutual TLS, signals.
@Suite(.tags(.network, .slow), .serialized, .timeLimit(.minutes(3)))
struct RingOfProcessesTests {
    @Test("Seven nodes agree on a thousand keys; two neighbours die, and five agree again")
    func lookupsBeforeAndAfterTwoCrashes() async throws {
        try await ProcessRing.running(7) { ring in
            try await expectAgreement(of: ring, keys: 1_000)

            let order = ring.inOrder
            let start = Int.random(in: 0..<order.count)
            let victims = [order[start], order[(start + 1) % order.count]]
            let survivors = order.filter { node in !victims.contains { $0.name == node.name } }
            let traffic = try Traffic(asking: survivors, all: order)
            try await traffic.during {
                for victim in victims { try await ring.kill(victim.name) }
                try await ring.awaitIdeal(5)
            }
            #expect(traffic.impossible == [], "answers that were right at no time")
            #expect(traffic.failures == [], "of \(traffic.count) lookups")
            #expect(traffic.count > 0)
            try await expectAgreement(of: ring, keys: 1_000)
        }
    }

    @Test("Nodes with two threads answer lookups, puts and gets on all connections")
    func twoThreads() async throws {
        let options = ["--stabilize-interval", "250ms", "--threads", "2"]
        try await ProcessRing.running(3, options: options) { ring in
            try await expectAgreement(of: ring, keys: 200)
            let nodes = ring.inOrder
            // A client has a connection of its own, and the nodes give connections to their threads in turn.
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<6 {
                    group.addTask {
                        let client = try await ProcessRing.client(of: [nodes[number % 3]])
                        for round in 0..<20 {
                            let key = "client \(number) key \(round)"
                            let owner = try await client.lookup(key: key).owner.name
                            #expect(owner == ProcessRing.owner(of: key, among: nodes))
                            _ = try await client.store.put(StoreKey(key), Array("v\(round)".utf8))
                            let read = try await client.store.get(StoreKey(key))
                            #expect(read?.text == "v\(round)")
                        }
                        await client.close()
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("Five founders begin an ideal ring, and a restarted founder joins it")
    func initialRing() async throws {
        try await ProcessRing.founded(5) { ring, addresses in
            let client = try await ring.client(of: ring.inOrder)
            let walk = try await client.walk()
            await client.close()
            #expect(walk.isIdeal, "\(walk.problems)")
            #expect(walk.members.count == 5)
            try await expectAgreement(of: ring, keys: 200)

            let victim = ring.inOrder[2]
            try await ring.kill(victim.name)
            try await ring.start(victim.name, at: addresses[victim.name] ?? "")
            try await ring.awaitIdeal(5)
            try await expectAgreement(of: ring, keys: 200)
        }
    }

    @Test("A founder without partners names those it waits for, and ends at its time limit")
    func lonelyFounder() async throws {
        let (own, absent) = (try ReservedPort(), try ReservedPort())
        let process = try ChordProcess([
            "serve", "--name", "n1", "--ring", "test", "--listen", own.address, "--certs-dir",
            try await TestCertificates.directory(), "--initial-ring",
            "\(own.address),\(absent.address)", "--join-timeout", "1s",
        ])
        defer { process.kill() }
        let outcome = try await process.outcome()
        #expect(outcome.code != 0)
        #expect(outcome.errors.contains("waiting for the other founders"), "\(outcome.errors)")
        #expect(outcome.errors.contains("\(absent.address) did not answer in time"))
    }

    @Test(
        "While a killed node restarts, every answer was right at some time"
    )
    func restart() async throws {
        try await ProcessRing.running(5) { ring in
            let order = ring.inOrder
            let victim = order[Int.random(in: 0..<order.count)]
            let others = order.filter { $0.name != victim.name }
            let traffic = try Traffic(asking: others, all: order, mayMiss: [victim.name])
            try await traffic.during {
                try await ring.kill(victim.name)
                try await ring.start(victim.name, through: others[0].name, at: victim.address)
                try await ring.awaitIdeal(5)
            }
            #expect(traffic.impossible == [], "answers that were right at no time")
            #expect(traffic.failures == [], "of \(traffic.count) lookups")
            #expect(traffic.count > 0)
            try await expectAgreement(of: ring, keys: 100)
        }
    }

    @Test(
        "On SIGTERM a node tells its neighbours and ends with code 0",
        arguments: [SIGTERM, SIGINT]
    )
    func leaving(signal: Int32) async throws {
        try await ProcessRing.running(4) { ring in
            let order = ring.inOrder
            let leaver = order[1]
            _ = ring.forget(leaver.name)
            defer { leaver.process.kill() }
            leaver.process.send(signal)
            let outcome = try await leaver.process.outcome()
            #expect(outcome.code == 0, "\(outcome.errors)")

            // Once and at once: neighbours are told of a leave.
            let client = try await ring.client(of: [order[0]])
            let walk = try await client.walk()
            await client.close()
            #expect(Set(walk.members.map(\.node.name)) == Set(ring.nodes.keys))
            let before = walk.members.first { $0.node.name == order[0].name }
            let after = walk.members.first { $0.node.name == order[2].name }
            #expect(before?.successors.first?.name == order[2].name)
            #expect(after?.predecessor.name == order[0].name)
            try await ring.awaitIdeal(3)
            try await expectAgreement(of: ring, keys: 100)
        }
    }

    @Test("On SIGHUP a node reloads its certificates and continues")
    func reloading() async throws {
        try await ProcessRing.running(1) { ring in
            let node = try #require(ring.nodes["n1"])
            node.process.send(SIGHUP)
            try await eventually("the log says so: \(node.process.errorText)") {
                node.process.errorText.contains("read the certificates again")
            }
            try await expectAgreement(of: ring, keys: 10)
            #expect(node.process.isRunning)
        }
    }

    @Test("ring --check ends with 75 if a member does not answer")
    func checkOfARingThatIsNotIdeal() async throws {
        // No member asks its neighbours again while the test runs, so the stopped one stays in their lists.
        try await ProcessRing.running(3, options: ["--stabilize-interval", "1h"]) { ring in
            let flags = try ring.flags()
            let before = try await ChordProcess.run(["ring", "--check"] + flags)
            #expect(before.code == 0, "\(before.output) \(before.errors)")
            try await ring.nodes["n3"]?.process.pause()
            let patience = ["--peer-timeout", "1s"]
            let after = try await ChordProcess.run(["ring", "--check"] + patience + flags)
            #expect(after.code == 75, "\(after.output) \(after.errors)")
            #expect(after.output.contains("n3"), "\(after.output)")
            // Without --check the same ring is only shown.
            let shown = try await ChordProcess.run(["ring"] + patience + flags)
            #expect(shown.code == 0, "\(shown.errors)")
        }
    }

    /// Every node names the owner from the sorted list, for every key.
    private func expectAgreement(of ring: ProcessRing, keys: Int) async throws {
        let nodes = ring.inOrder
        let wrong = try await withThrowingTaskGroup(of: [String].self) { tasks in
            for node in nodes {
                tasks.addTask {
                    let client = try await ProcessRing.client(of: [node])
                    var wrong: [String] = []
                    for number in 0..<keys {
                        let key = "key \(number)"
                        let expected = ProcessRing.owner(of: key, among: nodes)
                        do throws(ChordError) {
                            let answer = try await client.lookup(key: key)
                            if answer.owner.name != expected {
                                wrong.append(
                                    "\(node.name) says \(answer.owner.name) owns \(key), not"
                                        + " \(expected ?? "nobody")"
                                )
                            }
                        } catch {
                            wrong.append("\(node.name) on \(key): \(error)")
                        }
                    }
                    await client.close()
                    return wrong
                }
            }
            return try await tasks.reduce(into: []) { $0 += $1 }
        }
        #expect(wrong == [])
    }
}

/// Lookups that go on while something happens to the ring.
private final class Traffic: Sendable {
    private struct State {
        var count = 0
        var failures: [String] = []
        var impossible: [String] = []
        var isOver = false
    }

    private let state = Mutex(State())
    private let asked: [ProcessNode]
    private let all: [ProcessNode]
    private let absent: [ProcessNode]

    /// - Parameters:
    ///   - asked: the nodes that are asked, all alive throughout.
    ///   - all: every node that is a member at some time.
    ///   - mayMiss: the nodes that are not members for some of the time; nil for all that are not
    ///     asked.
    init(asking asked: [ProcessNode], all: [ProcessNode], mayMiss: Set<String>? = nil) throws {
        self.asked = asked
        self.all = all
        let missing = mayMiss ?? Set(all.map(\.name)).subtracting(asked.map(\.name))
        absent = all.filter { missing.contains($0.name) }
    }

    var count: Int { state.withLock { $0.count } }
    var failures: [String] { state.withLock { $0.failures } }
    var impossible: [String] { state.withLock { $0.impossible } }

    func during(_ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for node in asked {
                tasks.addTask { try await self.ask(node) }
            }
            do {
                try await body()
            } catch {
                state.withLock { $0.isOver = true }
                throw error
            }
            state.withLock { $0.isOver = true }
            try await tasks.waitForAll()
        }
    }

    private func ask(_ node: ProcessNode) async throws {
        let client = try await ProcessRing.client(of: [node])
        var number = 0
        while !state.withLock({ $0.isOver }) {
            let key = "\(node.name) asks \(number)"
            number += 1
            do throws(ChordError) {
                let owner = try await client.lookup(key: key).owner.name
                let isPossible = possibleOwners(of: key).contains(owner)
                state.withLock {
                    $0.count += 1
                    if !isPossible { $0.impossible.append("\(key): \(owner)") }
                }
            } catch {
                state.withLock {
                    $0.count += 1
                    $0.failures.append("\(key): \(error)")
                }
            }
        }
        await client.close()
    }

    /// The owners of a key with any of the absent ones there or gone: the ring changes step by step.
    private func possibleOwners(of key: String) -> Set<String> {
        var owners: Set<String> = []
        for choice in 0..<(1 << absent.count) {
            let gone = Set(absent.indices.filter { choice >> $0 & 1 == 1 }.map { absent[$0].name })
            if let owner = ProcessRing.owner(of: key, among: all.filter { !gone.contains($0.name) })
            {
                owners.insert(owner)
            }
        }
        return owners
    }
}
