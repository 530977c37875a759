// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordTestSupport
import Testing

@testable import ChordStore

/// What every engine does. Suites beside this one look at ranges of rows, at durability, and at what only
/// one engine has.
@Suite(.tags(.unit), .timeLimit(.minutes(2))) struct RowEngineTests {
    private static let key = RowKey(1, [1, 2], "p", "k")

    @Test(arguments: EngineKind.allCases)
    func storesRows(_ kind: EngineKind) async throws {
        let engine = try await RowEngineDriver.opened(kind)
        let rows: [(RowKey, Row)] = [
            (Self.key, Row("v", 7, expiry: 9)),
            (RowKey(1, [], "", ""), Row("", 0)),
            (RowKey(2, [1, 2], "p", "k"), Row("other slot", 1 << 62, expiry: .max)),
            (RowKey(1, [1, 2], "p\0q", "\0"), Row("\0", 3, expiry: 0)),
            (RowKey(Slot.highest.number, [0xFF], "é", "k"), Row("x", 4)),
        ]
        try await engine.run { transaction throws(StoreError) in
            for (key, row) in rows { try transaction.put(row, at: key) }
        }
        for (key, row) in rows {
            #expect(try await engine.run { rows throws(StoreError) in try rows.get(key) } == row)
        }
        let absent = RowKey(1, [1, 2], "p", "kk")
        #expect(try await engine.run { rows throws(StoreError) in try rows.get(absent) } == nil)
        let replaced = Row("new", 8)
        let deleted = rows[1].0
        try await engine.run { rows throws(StoreError) in
            try rows.put(replaced, at: Self.key)
            try rows.delete(deleted)
            try rows.delete(absent)
        }
        #expect(
            try await engine.run { rows throws(StoreError) in try rows.get(Self.key) } == replaced
        )
        #expect(
            try await engine.run { rows throws(StoreError) in try rows.get(deleted) } == nil
        )
        try await engine.close()
    }

    @Test(arguments: EngineKind.allCases)
    func keepsLimits(_ kind: EngineKind) async throws {
        let engine = try await RowEngineDriver.opened(kind)
        func bytes(_ count: Int) -> [UInt8] { Array(repeating: 0xFF, count: count) }
        let longest = RowKey(
            slot: Slot(1),
            position: bytes(RowLimits.positionBytes),
            partition: bytes(RowLimits.partitionBytes),
            key: bytes(RowLimits.keyBytes)
        )
        let largest = Row(value: bytes(RowLimits.valueBytes), version: LogIndex(1))
        try await engine.run { rows throws(StoreError) in try rows.put(largest, at: longest) }
        #expect(
            try await engine.run { rows throws(StoreError) in try rows.get(longest) } == largest
        )
        var tooLong: [(RowKey, Row)] = []
        for change: (inout RowKey) -> Void in [
            { $0.position.append(0) }, { $0.partition.append(0) }, { $0.key.append(0) },
            { $0.slot = Slot(Slot.highest.number + 1) },
        ] {
            var key = longest
            change(&key)
            tooLong.append((key, Row("", 1)))
        }
        tooLong.append((Self.key, Row(value: largest.value + [0], version: LogIndex(1))))
        tooLong.append((Self.key, Row("", LogIndex.highest.number + 1)))
        for (key, row) in tooLong {
            let error = await #expect(throws: StoreError.self) {
                try await engine.run { rows throws(StoreError) in try rows.put(row, at: key) }
            }
            #expect(error?.code == .tooLarge)
        }
        let error = await #expect(throws: StoreError.self) {
            let name = RowMetadataName(.store, String(repeating: "n", count: 129))
            try await engine.run { rows throws(StoreError) in try rows.setMetadata([], for: name) }
        }
        #expect(error?.code == .tooLarge)
        #expect(try await engine.run { rows throws(StoreError) in try rows.slots() } == [Slot(1)])
        try await engine.close()
    }

    @Test(arguments: EngineKind.allCases)
    func undoesOnlyTheWorkThatThrows(_ kind: EngineKind) async throws {
        let engine = try await RowEngineDriver.opened(kind)
        let name = RowMetadataName(.slot(Slot(1)), "applied")
        try await engine.run { rows throws(StoreError) in
            try rows.put(Row("before", 1, expiry: 5), at: Self.key)
            try rows.put(Row("stays", 1), at: RowKey(1, [9], "p", "k"))
            try rows.setMetadata([1], for: name)
        }
        let error = await #expect(throws: StoreError.self) {
            try await engine.run { rows throws(StoreError) -> Void in
                try rows.put(Row("after", 2, expiry: 6), at: Self.key)
                try rows.put(Row("after", 2), at: Self.key)
                try rows.delete(Self.key)
                try rows.put(Row("new", 2), at: RowKey(1, [1, 2], "p", "new"))
                try rows.setMetadata([2], for: name)
                _ = try rows.clear(Slot(1), within: .all, atMost: 10)
                throw StoreError(.invalidSettings, "the work's own")
            }
        }
        #expect(error?.code == .invalidSettings)
        // A later work is on top of the first one only.
        try await engine.run { rows throws(StoreError) in
            try rows.put(Row("later", 3), at: RowKey(1, [1, 2], "p", "later"))
        }
        let values = try await engine.run { rows throws(StoreError) in
            try rows.scan(RowInterval(slot: Slot(1)), limit: RowLimit(rows: 10, bytes: 1_000)).rows
                .map { String(decoding: $0.row.value, as: UTF8.self) }
        }
        #expect(values == ["before", "later", "stays"])
        #expect(try await engine.run { rows throws(StoreError) in try rows.metadata(name) } == [1])
        let expired = try await engine.run { rows throws(StoreError) in
            try rows.expired(
                in: Slot(1),
                within: .all,
                at: RangeTime(milliseconds: 10),
                atMost: 10
            )
        }
        #expect(expired == [Self.key])
        let statistics = await engine.withEngine { $0.statistics }
        #expect(statistics.failedWorks == 1)
        try await engine.close()
    }

    @Test(arguments: EngineKind.allCases)
    func runsAndAnswersInOrder(_ kind: EngineKind) async throws {
        let engine = try await RowEngineDriver.opened(kind)
        let order: [Int] = await handedOver { handOver in
            Task {
                await engine.withEngine { engine in
                    let answers = Answers()
                    for number in 0..<500 {
                        let sequence = engine.submit { rows throws(StoreError) -> Int in
                            let name = RowMetadataName(.store, "count")
                            let count = Int(try rows.metadata(name)?.count ?? 0)
                            guard number % 3 > 0 else { throw StoreError(.closed, "a refusal") }
                            try rows.setMetadata(Array(repeating: 0, count: count + 1), for: name)
                            return count
                        } _: { result in
                            // Each work has seen those before it.
                            #expect(
                                (try? result.get())
                                    == (number % 3 > 0 ? number - number / 3 - 1 : nil)
                            )
                            answers.values.append(number)
                            if number == 499 { handOver(answers.values) }
                        }
                        #expect(sequence == RowSequence(UInt64(number + 1)))
                    }
                }
            }
        }
        #expect(order == Array(0..<500))
        try await engine.close()
    }

    /// `@unchecked Sendable`: confined to the engine's executor.
    private final class Answers: @unchecked Sendable {
        var values: [Int] = []
    }

    @Test(arguments: EngineKind.allCases)
    func keepsRecords(_ kind: EngineKind) async throws {
        let engine = try await RowEngineDriver.opened(kind)
        let slot = RowMetadataName.Scope.slot(Slot(3))
        let large = [UInt8](repeating: 7, count: 300_000)
        try await engine.run { rows throws(StoreError) in
            try rows.setMetadata([1], for: RowMetadataName(.store, "b"))
            try rows.setMetadata([], for: RowMetadataName(.store, "ab"))
            try rows.setMetadata(large, for: RowMetadataName(slot, "b"))
            try rows.setMetadata([9], for: RowMetadataName(.slot(Slot(0)), "b"))
            try rows.setMetadata([2], for: RowMetadataName(.store, "gone"))
            try rows.setMetadata(nil, for: RowMetadataName(.store, "gone"))
            try rows.setMetadata(nil, for: RowMetadataName(.store, "never"))
        }
        try await engine.run { rows throws(StoreError) in
            #expect(try rows.metadata(RowMetadataName(.store, "b")) == [1])
            #expect(try rows.metadata(RowMetadataName(.store, "ab")) == [])
            #expect(try rows.metadata(RowMetadataName(slot, "b"))?.elementsEqual(large) == true)
            #expect(try rows.metadata(RowMetadataName(.store, "gone")) == nil)
            #expect(try rows.metadataNames(in: .store).map(\.name) == ["ab", "b"])
            #expect(try rows.metadataNames(in: slot) == [RowMetadataName(slot, "b")])
            #expect(try rows.slots() == [Slot(0), Slot(3)])
        }
        try await engine.close()
    }

    @Test(arguments: EngineKind.allCases)
    func refusesWorksUnlessOpen(_ kind: EngineKind) async throws {
        let engine = try RowEngineDriver(kind)
        engine.makeEngine()
        func isRefused() async {
            let error = await #expect(throws: StoreError.self) {
                try await engine.run { rows throws(StoreError) in try rows.slots() }
            }
            #expect(error?.code == .closed)
            let commit = await #expect(throws: StoreError.self) { try await engine.commit() }
            #expect(commit?.code == .closed)
            let snapshot = await #expect(throws: StoreError.self) {
                _ = try await engine.snapshot(of: Slot(1))
            }
            #expect(snapshot?.code == .closed)
        }
        await isRefused()
        try await engine.open()
        try await engine.run { rows throws(StoreError) in try rows.put(Row("v", 1), at: Self.key) }
        await engine.withEngine { $0.close { _ in } }
        await isRefused()
        try await engine.open(isNew: false)
        #expect(
            try await engine.run { rows throws(StoreError) in try rows.get(Self.key) }
                == Row("v", 1)
        )
        try await engine.close()
    }
}
