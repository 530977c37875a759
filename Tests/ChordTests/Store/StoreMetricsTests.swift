// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordRPC
import ChordStore
import ChordTestSupport
import ChordWire
import Foundation
import Metrics
import MetricsTestKit
import NIOConcurrencyHelpers
import Testing

/// Each metric of the store is recorded when its cause occurs, and docs/metrics.md lists it.
@Suite("The store's metrics", .tags(.network), .timeLimit(.minutes(5)))
struct StoreMetricsTests {
    private let metrics = TestMetrics()

    private func failures(_ kind: String) -> Int64 {
        metrics.counters.filter {
            $0.label == "chord_store_failures_total"
                && $0.dimensions.contains { $0 == ("kind", kind) }
        }.reduce(0) { $0 + $1.totalValue }
    }

    @Test func allMetricsAreRecorded() async throws {
        try await withMetricsFactory(metrics) {
            try await withStoreRing(.disk) { ring in
                let node = try await ring.start("n1")
                let other = try await ring.start("n2")
                try await ring.awaitVoters(2)
                try await operations(node, other)
                try await refusals(ring, node)
                try await ring.stop("n2")
                try await withoutMajority(node)
            }
        }
        let kinds = ["unavailable", "in_doubt", "limit", "page_gone", "refused", "abandoned"]
        let names =
            StoreMethods.routed.flatMap { method in
                [
                    "chord_store_calls_total{call=\(method.name)}",
                    "chord_store_call_nanoseconds{call=\(method.name)}",
                ]
            } + kinds.map { "chord_store_failures_total{kind=\($0)}" }
            + ["held", "led", "with_issues", "damaged"].map { "chord_store_ranges{kind=\($0)}" }
            + ["sent", "received"].map { "chord_store_snapshot_bytes_total{direction=\($0)}" }
            + [
                "chord_store_redirects_total", "chord_store_keys", "chord_store_bytes",
                "chord_store_proposals_in_flight", "chord_store_log_bytes",
                "chord_store_disk_full", "chord_store_quota_reached",
                "chord_store_entries_applied_total", "chord_store_log_syncs_total",
                "chord_store_log_bytes_written_total", "chord_store_watchers",
            ]
        // Nobody is told of a gap here.
        let gaps = "chord_store_watch_gaps_total"
        let recorded = metrics.recorded.filter {
            $0.key.hasPrefix("chord_store_") && $0.key != gaps
        }
        #expect(recorded == Dictionary(uniqueKeysWithValues: names.map { ($0, true) }))
        let document = try String(
            contentsOf: URL(filePath: #filePath).appending(path: "../../../../docs/metrics.md")
                .standardizedFileURL,
            encoding: .utf8
        )
        let listed = Set(document.matches(of: /\| `(chord_store_[a-z_]+)`/).map { String($0.1) })
        #expect(listed == Set(recorded.keys.map { String($0.prefix { $0 != "{" }) } + [gaps]))
    }

    private func operations(_ node: ChordNode, _ other: ChordNode) async throws {
        let partition = Array("p".utf8)
        for store in [node.store, other.store] {
            try await store.put(StoreKey("k", in: "p"), [1])
            _ = try await store.get(StoreKey("k", in: "p"))
            try await store.touch(StoreKey("k", in: "p"), timeToLive: .seconds(60))
            try await store.batch([.put([1], [1])], in: partition)
            for try await _ in store.list(in: partition) {}
            _ = try await store.count(in: partition)
            try await store.delete(StoreKey("k", in: "p"))
        }
        let admin = try await client("admin", of: node)
        try await admin.store.setReplicas(3)
        try await admin.store.raiseVersions(above: 1_000)
        for try await _ in admin.store.export() {}
        await admin.close()
    }

    private func refusals(_ ring: StoreRing, _ node: ChordNode) async throws {
        // A node is no administrator.
        await #expect(throws: StoreClientError.self) { try await node.store.setReplicas(1) }
        // Beyond 3 MiB in one answer.
        let names = (0..<4).map { [UInt8($0)] }
        for name in names {
            try await node.store.put(
                StoreKey(name, in: Array("large".utf8)),
                [UInt8](repeating: 1, count: 1 << 20)
            )
        }
        let large = await #expect(throws: StoreClientError.self) {
            try await node.store.get(names, in: Array("large".utf8))
        }
        #expect(large?.code == .limitReached)
        let pages = node.store.list(in: Array("large".utf8), keysOnly: true, pageRows: 1).pages
        var iterator = pages.makeAsyncIterator()
        _ = try await iterator.next(isolation: nil)
        try await node.store.delete(StoreKey(names[3], in: Array("large".utf8)))
        let gone = await #expect(throws: StoreClientError.self) {
            try await iterator.next(isolation: nil)
        }
        #expect(gone?.code == .pageGone)
        try await eventually { failures("refused") > 0 && failures("page_gone") > 0 }
    }

    private func withoutMajority(_ node: ChordNode) async throws {
        let store = node.store
        await #expect(throws: StoreClientError.self) {
            try await store.put("a", [1], timeout: .seconds(1))
        }
        await #expect(throws: StoreClientError.self) {
            try await store.get("a", timeout: .seconds(1))
        }
        try await eventually { failures("unavailable") > 0 && failures("in_doubt") > 0 }
        // Reads without a leader wait. One is given up while it waits, sooner or later.
        let patience = NIOLockedValueBox(1)
        try await eventually {
            let read = Task { try await store.get("a", timeout: .seconds(60)) }
            let turns = patience.withLockedValue { turns in
                defer { turns = min(turns * 2, 1 << 14) }
                return turns
            }
            for _ in 0..<turns { await Task.yield() }
            read.cancel()
            _ = await read.result
            return failures("abandoned") > 0
        }
    }
}
