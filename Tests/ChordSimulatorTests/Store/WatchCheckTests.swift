// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordSimulator
import ChordStore
import ChordTestSupport
import Testing

@Suite("Watchers of simulated stores", .tags(.simulation), .ownThreads)
struct WatchCheckTests {
    @Test(
        "under faults every change is told once and in order, or a gap is said",
        arguments: UInt64(1)...6
    )
    func faults(seed: UInt64) {
        let report = StoreSimulation(seed: seed, watchers: 6, faultTime: .seconds(60)).run()
        #expect(report.holds, "\(report)")
        #expect(report.watch.changes > 200)
        // These seeds have the smallest buffers.
        if seed % 4 == 1 { #expect(report.watch.gaps > 0) }
    }

    @Test("a seed with watchers gives the same run every time")
    func determinism() {
        let simulation = StoreSimulation(seed: 5, watchers: 6, faultTime: .seconds(15))
        let first = simulation.run()
        let second = simulation.run()
        #expect(first.traceHash == second.traceHash)
        #expect(first.watch == second.watch)
    }

    // MARK: - The checker

    /// A record of key 1 that begins without a row at version 10.
    private func record(
        _ changes: [WatchRecord.Change],
        through: UInt64 = 100,
        by watcher: String = "w"
    ) -> WatchRecord {
        var record = WatchRecord(key: 1, watcher: watcher, hasGap: false)
        record.complete(at: 10)
        for change in changes { record.add(change) }
        record.through = through
        return record
    }

    private func operation(
        _ action: HistoryOperation.Action,
        at version: UInt64,
        seen: HistoryOperation.Observation
    ) -> HistoryOperation {
        HistoryOperation(
            number: 1,
            client: "c",
            partition: "k1",
            steps: [HistoryOperation.Step(key: "k1", action, seen: seen)],
            outcome: .applied(version: version),
            called: 0,
            returned: 1
        )
    }

    private var history: [HistoryOperation] {
        [
            operation(.put("x"), at: 20, seen: .absent),
            operation(.put("y"), at: 30, seen: .row(value: nil, version: 20)),
            operation(.delete, at: 40, seen: .row(value: nil, version: 30)),
            operation(.delete, at: 45, seen: .absent),
            operation(.put("z"), at: 60, seen: .absent),
        ]
    }

    private let x = WatchRecord.Change(version: 20, value: "x")
    private let y = WatchRecord.Change(version: 30, value: "y")
    private let deleted = WatchRecord.Change(version: 40, value: nil)
    private let z = WatchRecord.Change(version: 60, value: "z")

    @Test("what clients did, told once and in order, is right")
    func right() {
        let whole = record([x, y, deleted, z])
        var late = WatchRecord(key: 1, watcher: "v", hasGap: true)
        late.row(StoreValue(Array("y".utf8), version: 30))
        late.complete(at: 35)
        late.add(deleted)
        late.through = 50
        #expect(WatchCheck([whole, late], history: history).defects.isEmpty)
    }

    @Test(
        "each error is found",
        arguments: ["missing", "late", "twice", "inverted", "value", "version", "ghost", "delete"]
    )
    func wrong(_ error: String) {
        let changes: [WatchRecord.Change] =
            switch error {
            case "missing": [x, deleted, z]
            case "late": [x, y, deleted]
            case "twice": [x, y, y, deleted, z]
            case "inverted": [y, x, deleted, z]
            case "value": [x, WatchRecord.Change(version: 30, value: "x"), deleted, z]
            case "version": [x, WatchRecord.Change(version: 31, value: "y"), deleted, z]
            case "ghost": [x, y, deleted, WatchRecord.Change(version: 45, value: nil), z]
            default: [x, y, z]
            }
        #expect(!WatchCheck([record(changes)], history: history).defects.isEmpty)
    }

    @Test("two watchers who disagree are found, also about an expiry that no client knows")
    func disagreement() {
        let expiry = WatchRecord.Change(version: 70, value: nil, isExpiry: true)
        let first = record([x, y, deleted, z, expiry])
        let second = record([x, y, deleted, z], by: "v")
        #expect(WatchCheck([first], history: history).defects.isEmpty)
        #expect(!WatchCheck([first, second], history: history).defects.isEmpty)
        #expect(
            WatchCheck([first, record([x, y], through: 35, by: "v")], history: history).defects
                .isEmpty
        )
    }
}
