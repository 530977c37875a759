// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import ChordTestSupport
import ChordWire
import Testing

@testable import Chord
@testable import ChordStore

/// What operators do to a running store, over TLS.
@Suite("The store's operators", .tags(.network), .timeLimit(.minutes(5)))
struct StoreOperationTests {
    @Test("The number of replicas is raised and lowered for all ranges, and no value is lost")
    func setReplicas() async throws {
        try await withStoreRing(.memory, successors: 4) { ring in
            var nodes: [ChordNode] = []
            for name in ["n1", "n2", "n3", "n4", "py"] {
                nodes.append(try await ring.start(name))
            }
            try await ring.awaitVoters(3)
            for number in 0..<20 { try await ring.put("k\(number)", "\(number)", at: "n1") }
            let admin = try await client("admin", of: nodes[0])
            for count in [5, 1, 3] {
                var told: [StoreReplicasChange] = []
                let changes = try await admin.store.setReplicas(count, timeout: .seconds(30)) {
                    told.append($0)
                }
                #expect(told == changes)
                #expect(changes.allSatisfy { $0.replicas == count })
                // The ranges make up the circle, each once.
                #expect(Set(changes.map(\.bounds.upperBound)).count == changes.count)
                #expect(
                    Set(changes.map(\.bounds.upperBound)) == Set(changes.map(\.bounds.lowerBound))
                )
                try await ring.awaitVoters(count)
                for range in try await ring.ranges() {
                    #expect(range.descriptor.wantedVoters == count)
                }
            }
            for number in 0..<20 {
                #expect(try await ring.get("k\(number)", at: "n3") == "\(number)")
            }
            let again = try await admin.store.setReplicas(3)
            #expect(again.allSatisfy { $0.former == 3 })
            await admin.close()
        }
    }

    @Test("Impossible numbers of replicas are refused with what to do, and change nothing")
    func refusedReplicas() async throws {
        try await withStoreRing(.memory, successors: 4) { ring in
            let node = try await ring.start("n1")
            try await ring.start("n2")
            try await ring.awaitVoters(2)
            let admin = try await client("admin", of: node)
            func refusal(_ count: Int) async -> StoreClientError? {
                await #expect(throws: StoreClientError.self) {
                    try await admin.store.setReplicas(count, timeout: .seconds(30))
                }
            }
            let even = await refusal(4)
            #expect(
                even?.code == .invalidArgument && even?.message.contains("1, 3, 5 or 7") == true
            )
            let beyond = await refusal(7)
            #expect(beyond?.code == .invalidArgument)
            #expect(
                beyond?.message.contains("at most 5, the owner and its list of successors") == true
            )
            let many = await refusal(5)
            #expect(many?.code == .impossible)
            #expect(many?.message.contains("the ring has 2: start 3 more first") == true)
            await admin.close()
            let status = try await ring.ranges()
            #expect(status.allSatisfy { $0.descriptor.wantedVoters == 3 })
            let alice = try await client("alice", of: node)
            let refused = await #expect(throws: StoreClientError.self) {
                try await alice.store.setReplicas(1)
            }
            #expect(refused?.code == .refused)
            await alice.close()
            // Another implementation may send what our client never does.
            let request = SetReplicasRequest(position: .zero, replicas: 2)
            let raw = try await client("admin", of: node)
            let wire = await #expect(throws: ChordError.self) {
                try await raw.call(
                    StoreMethods.setReplicas,
                    request.encoded(in: node.parameters.space)
                )
            }
            #expect((wire?.cause as? Status)?.code == .invalidArgument)
            await raw.close()
        }
    }

    /// Reads one page of partition "p" at a node.
    private func page(
        _ ring: StoreRing,
        at node: String,
        after token: [UInt8] = []
    ) async throws -> (keys: [String], version: UInt64, token: [UInt8]) {
        let request = ListRequest(partition: Array("p".utf8), limit: 10, token: token)
        let reply: ListReply = try await ring.call(StoreMethods.list, request, at: node)
        guard case .answer(let answer, let content) = reply.outcome else {
            throw Status(.internalError, "a redirect that nobody asked for")
        }
        let keys = content.rows.map { String(decoding: $0.key, as: UTF8.self) }
        return (keys, answer.version, content.token)
    }

    @Test("A list goes on after splits and changes of leaders, and beside other writes")
    func listGoesOn() async throws {
        try await withStoreRing(.memory) { ring in
            let node = try await ring.start("n1")
            let names = (10..<40).map { "k\($0)" }
            for name in names { try await node.store.put(StoreKey(name, in: "p"), [1]) }
            let first = try await page(ring, at: "n1")
            #expect(first.keys == Array(names[..<10]))
            // n2 and n3 take over parts of the circle, and leaderships.
            try await ring.start("n2")
            try await ring.start("n3")
            try await ring.awaitVoters(3)
            try await eventually { try await ring.ranges().count == 3 }
            try await ring.put("elsewhere", "1", at: "n2")
            try await node.store.delete("elsewhere")
            // A key whose page was read before.
            try await node.store.put(StoreKey("k10", in: "p"), [2])
            let second = try await page(ring, at: "n3", after: first.token)
            #expect(second.keys == Array(names[10..<20]) && second.version == first.version)
            let third = try await page(ring, at: "n2", after: second.token)
            #expect(third.keys == Array(names[20...]) && third.version == first.version)
            #expect(third.token.isEmpty)
        }
    }

    @Test(
        "A page whose rows were written or deleted meanwhile is refused",
        arguments: ["put", "delete", "new"]
    )
    func pageGone(change: String) async throws {
        try await withStoreRing(.memory) { ring in
            let node = try await ring.start("n1")
            for name in 10..<30 { try await node.store.put(StoreKey("k\(name)", in: "p"), [1]) }
            let first = try await page(ring, at: "n1")
            switch change {
            case "put": try await node.store.put(StoreKey("k25", in: "p"), [2])
            case "delete": try await node.store.delete(StoreKey("k25", in: "p"))
            default: try await node.store.put(StoreKey("k25a", in: "p"), [2])
            }
            let error = await #expect(throws: ChordError.self) {
                try await page(ring, at: "n1", after: first.token)
            }
            let status = try #require(error?.cause as? Status)
            #expect(status.code == .aborted && status.message.contains("begin again"))
        }
    }

    @Test("An owner without data is told where its ranges are, and of each change")
    func hints() async throws {
        try await withStoreRing { ring in
            try await ring.start("n2")
            var servers: [StoreServer] = []
            for name in ["n1", "n3", "n4", "py"] {
                let guest = try await ring.start(name, engine: .routing)
                let part = guest.services.compactMap { $0 as? StoreService }.first
                let current = part?.current
                servers.append(try #require(current))
            }
            // The range of n2 is the whole circle. Nobody asks where it is: what the guests know they were told.
            func terms() async -> [Term] {
                var terms: [Term] = []
                for server in servers {
                    guard let hint = await server.directory.hint(for: .zero),
                        hint.leader.flatMap({ hint.descriptor.replica($0)?.node }) == "n2"
                    else { continue }
                    terms.append(hint.term)
                }
                return terms
            }
            try await eventually { await !terms().isEmpty }
            let known = await terms().max() ?? Term(0)
            try await ring.stop("n2")
            try await ring.start("n2")
            try await eventually { await terms().contains { $0 > known } }
        }
    }

    @Test("At its quota a node refuses writes that grow, takes deletes, and heals")
    func quota() async throws {
        try await withStoreRing(.memory) { ring in
            var configuration = try await ring.configuration("n1")
            configuration.store?.quota = 20_000
            let node = try await ChordNode(configuration)
            try await running(node) {
                try await node.waitUntilJoined()
                let store = node.store
                var error: StoreClientError?
                for number in 0..<100 where error == nil {
                    do throws(StoreClientError) {
                        try await store.put(
                            StoreKey("k\(number)"),
                            [UInt8](repeating: 1, count: 1_000)
                        )
                    } catch let refused {
                        error = refused
                    }
                }
                #expect(error?.code == .limitReached && error?.mayHaveHappened == false)
                #expect(error?.message.contains("its quota is 20000: delete keys") == true)
                let full = try await store.status(of: node.reference)
                #expect(full.isQuotaReached && full.quotaBytes == 20_000 && full.bytes >= 20_000)
                #expect(try await store.get("k0") != nil)
                #expect(try await store.touch("k0", timeToLive: .seconds(600)).applied)
                // One delete leaves more than 19/20 of the quota.
                #expect(try await store.delete("k0").applied)
                let still = await #expect(throws: StoreClientError.self) {
                    try await store.put("small", [1])
                }
                #expect(still?.code == .limitReached)
                for number in 1..<4 { try await store.delete(StoreKey("k\(number)")) }
                #expect(try await store.put("small", [1]).applied)
                let healed = try await store.status(of: node.reference)
                #expect(!healed.isQuotaReached)
            }
        }
    }
}
