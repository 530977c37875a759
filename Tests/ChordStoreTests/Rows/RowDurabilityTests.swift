// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordTestSupport
import NIOConcurrencyHelpers
import Testing

@testable import ChordStore

/// What a crash leaves, and when changes are reported as durable.
@Suite(.tags(.unit), .timeLimit(.minutes(2))) struct RowDurabilityTests {
    private func put(_ engine: RowEngineDriver, _ numbers: Range<Int>) async throws {
        for number in numbers {
            try await engine.run { rows throws(StoreError) in
                try rows.put(Row("v\(number)", UInt64(number)), at: .test(number))
            }
        }
    }

    private func count(_ engine: RowEngineDriver) async throws -> Int {
        try await engine.run { rows throws(StoreError) in
            try rows.count(RowInterval(slot: Slot(1)), atMost: 100_000)
        }
    }

    @Test(arguments: EngineKind.allCases)
    func crashLosesWhatIsNotCommitted(_ kind: EngineKind) async throws {
        let engine = try await RowEngineDriver.opened(kind)
        try await put(engine, 0..<10)
        #expect(engine.durable == .zero)
        try await engine.commit()
        #expect(engine.durable == RowSequence(10))
        try await put(engine, 10..<20)
        #expect(try await count(engine) == 20)
        try await engine.crash()
        #expect(try await count(engine) == 10)
        try await put(engine, 10..<12)
        try await engine.close()
        try await engine.open(isNew: false)
        #expect(try await count(engine) == 12)
        try await engine.close()
    }

    @Test(arguments: EngineKind.allCases)
    func commitsAfterTime(_ kind: EngineKind) async throws {
        let engine = try await RowEngineDriver.opened(kind)
        try await put(engine, 0..<3)
        try await engine.settle()
        await engine.fireTimers()
        await engine.durable(through: RowSequence(3))
        // A timer of changes that are durable does nothing, and a work without changes starts none.
        let events = engine.events.count
        try await engine.settle()
        await engine.fireTimers()
        try await engine.settle()
        #expect(engine.events.count == events)
        try await engine.crash()
        #expect(try await count(engine) == 3)
        try await engine.close()
    }

    @Test(arguments: EngineKind.allCases, [true, false])
    func commitsAfterChangesAndBytes(_ kind: EngineKind, byBytes: Bool) async throws {
        var settings = RowEngineDriver.smallSettings
        if byBytes { settings.commit.bytes = 1_000 } else { settings.commit.changes = 5 }
        let engine = try await RowEngineDriver.opened(kind, settings: settings)
        let value = String(repeating: "v", count: byBytes ? 300 : 1)
        for number in 0..<5 {
            try await engine.run { rows throws(StoreError) in
                try rows.put(Row(value, 1), at: .test(number))
            }
        }
        await engine.events { !$0.isEmpty }
        #expect(engine.durable >= RowSequence(byBytes ? 3 : 5))
        #expect(engine.durable <= RowSequence(5))
        try await engine.close()
    }

    @Test(arguments: EngineKind.allCases)
    func snapshotsAreOfOneMoment(_ kind: EngineKind) async throws {
        let engine = try await RowEngineDriver.opened(kind)
        try await engine.run { rows throws(StoreError) in
            for number in 0..<3_000 {
                try rows.put(
                    Row("v\(number)", UInt64(number), expiry: number % 2 == 0 ? 7 : nil),
                    at: .test(number)
                )
            }
            try rows.put(Row("other slot", 1), at: RowKey(2, [1], "p", "k"))
            try rows.setMetadata([1, 2], for: RowMetadataName(.slot(Slot(1)), "applied"))
            try rows.setMetadata([3], for: RowMetadataName(.slot(Slot(2)), "applied"))
        }
        let bounds = RowBounds(after: [200, 0], through: [100, 0])
        let snapshot = try await engine.snapshot(of: Slot(1), within: bounds)
        try await engine.run { rows throws(StoreError) in
            _ = try rows.clear(Slot(1), within: .all, atMost: 10_000)
        }
        try await engine.commit()
        let expected = (0..<3_000).map { (RowKey.test($0), $0) }
            .filter { bounds.contains($0.0.position) }
            .sorted { $0.0 < $1.0 }
        #expect(snapshot.rowCount == expected.count)
        var decoder = RowStreamDecoder(into: Slot(5))
        let bytes = try await engine.bytes(of: snapshot, part: 10_007)
        let items = try decoder.append(bytes)
        #expect(decoder.isComplete)
        #expect(items.first == .record(name: "applied", value: [1, 2]))
        var found: [RowPage.Element] = []
        for case .rows(let rows) in items { found += rows }
        #expect(found.map(\.row.version.number) == expected.map { UInt64($0.1) })
        #expect(found.allSatisfy { $0.key.slot == Slot(5) })
        // Reading beyond the end gives nothing.
        let end: Result<[UInt8], StoreError> = await handedOver { handOver in
            snapshot.read(at: snapshot.byteCount + 5, atMost: 10, handOver)
        }
        #expect(try end.get() == [])
        snapshot.discard()
        try await engine.close()
    }

    /// Both engines make the same bytes of the same rows: replicas can have different ones.
    @Test("Works wait for the delay of a memory disk, and run in their order")
    func delayedWorks() async throws {
        let engine = try await RowEngineDriver.opened(.memory)
        await engine.onQueue { engine.memoryDisk.workDelay = .seconds(1) }
        let order = NIOLockedValueBox<[Int]>([])
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await engine.run { _ in order.withLockedValue { $0.append(1) } }
            }
            try await eventually("a work waits") { await engine.worksWaiting == 1 }
            group.addTask {
                try await engine.run { _ in order.withLockedValue { $0.append(2) } }
            }
            try await eventually("two works wait") { await engine.worksWaiting == 2 }
            #expect(order.withLockedValue { $0 } == [])
            await engine.fireTimers()
            try await group.waitForAll()
        }
        #expect(order.withLockedValue { $0 } == [1, 2])
        await engine.onQueue { engine.memoryDisk.workDelay = .zero }
        try await engine.close()
    }

    @Test func enginesMakeTheSameSnapshots() async throws {
        var snapshots: [[UInt8]] = []
        for kind in EngineKind.allCases {
            let engine = try await RowEngineDriver.opened(kind)
            try await engine.run { rows throws(StoreError) in
                for number in (0..<500).reversed() {
                    let value = String(repeating: "v", count: number)
                    try rows.put(Row(value, UInt64(number)), at: .test(number))
                }
                try rows.setMetadata([1], for: RowMetadataName(.slot(Slot(1)), "b"))
                try rows.setMetadata([2], for: RowMetadataName(.slot(Slot(1)), "a"))
            }
            let snapshot = try await engine.snapshot(of: Slot(1))
            snapshots.append(try await engine.bytes(of: snapshot))
            try await engine.close()
        }
        #expect(snapshots[0] == snapshots[1])
    }
}
