// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordTestSupport
import Testing

@testable import ChordStore

/// Rows in order: scans, counts, expiry, clearing, against a model.
@Suite(.tags(.unit), .timeLimit(.minutes(2))) struct RowIntervalTests {
    /// Rows in a dictionary, sorted for every question.
    private struct Model: Sendable {
        var rows: [RowKey: Row] = [:]

        func rows(in interval: RowInterval) -> [RowPage.Element] {
            rows.filter { key, _ in
                key.slot == interval.slot
                    && !Self.isBefore(RowPlace(key), interval.first)
                    && interval.end.map { Self.isBefore(RowPlace(key), $0) } ?? true
            }
            .map { RowPage.Element(key: $0.key, row: $0.value) }
            .sorted { Self.isBefore(RowPlace($0.key), RowPlace($1.key)) }
        }

        /// Byte by byte, in the plainest way.
        static func isBefore(_ left: RowPlace, _ right: RowPlace) -> Bool {
            for (one, other) in [
                (left.position, right.position), (left.partition, right.partition),
                (left.key, right.key),
            ] where one != other {
                return one.lexicographicallyPrecedes(other)
            }
            return false
        }

        func expired(_ slot: Slot, _ bounds: RowBounds, at time: RangeTime) -> [RowKey] {
            rows.filter { key, row in
                key.slot == slot && bounds.contains(key.position)
                    && row.expiry.map { $0 <= time } ?? false
            }
            .sorted {
                let times = ($0.value.expiry ?? .zero, $1.value.expiry ?? .zero)
                if times.0 != times.1 { return times.0 < times.1 }
                return Self.isBefore(RowPlace($0.key), RowPlace($1.key))
            }
            .map(\.key)
        }
    }

    private struct Choice {
        var generator: SeededGenerator

        mutating func below(_ bound: Int) -> Int { Int(generator.below(UInt64(bound))) }

        /// Few different bytes, so that texts begin alike and meet.
        mutating func bytes(_ most: Int) -> [UInt8] {
            (0..<below(most + 1)).map { _ in [0, 1, 0x7F, 0x80, 0xFE, 0xFF][below(6)] }
        }

        mutating func key() -> RowKey {
            RowKey(
                slot: Slot(UInt64(below(3))),
                position: bytes(2),
                partition: bytes(2),
                key: bytes(10)
            )
        }

        mutating func place() -> RowPlace { RowPlace(key()) }

        mutating func row(_ version: Int) -> Row {
            Row(
                value: Array(repeating: UInt8(below(256)), count: below(40)),
                version: LogIndex(UInt64(version)),
                expiry: below(3) == 0 ? RangeTime(milliseconds: UInt64(below(20))) : nil
            )
        }

        mutating func bounds() -> RowBounds {
            below(3) == 0 ? .all : RowBounds(after: bytes(2), through: bytes(2))
        }
    }

    @Test(arguments: EngineKind.allCases, 0..<4)
    func agreesWithModel(_ kind: EngineKind, _ seed: Int) async throws {
        let engine = try await RowEngineDriver.opened(kind)
        var choice = Choice(generator: SeededGenerator(seed: UInt64(seed)))
        var model = Model()
        for round in 1...60 {
            var changes: [(RowKey, Row?)] = []
            for place in 0..<choice.below(30) {
                let key = model.rows.keys.sorted().randomElement(using: &choice.generator)
                let isOld = choice.below(2) == 0
                let target = isOld ? key ?? choice.key() : choice.key()
                changes.append(
                    (target, choice.below(4) == 0 ? nil : choice.row(round * 100 + place))
                )
            }
            let throwsAtEnd = choice.below(5) == 0
            let work = changes
            do {
                try await engine.run { rows throws(StoreError) -> Void in
                    for (key, row) in work {
                        if let row { try rows.put(row, at: key) } else { try rows.delete(key) }
                    }
                    if throwsAtEnd { throw StoreError(.closed, "the work's own") }
                }
                for (key, row) in changes { model.rows[key] = row }
            } catch {
                #expect(throwsAtEnd, "\(error)")
            }
            if choice.below(6) == 0 { try await engine.commit() }
            try await compare(engine, &model, &choice)
        }
        try await engine.close()
        try await engine.open(isNew: false)
        for slot in 0..<3 {
            let interval = RowInterval(slot: Slot(UInt64(slot)))
            let page = try await engine.run { rows throws(StoreError) in
                try rows.scan(interval, limit: RowLimit(rows: 10_000, bytes: 1 << 30))
            }
            #expect(page == RowPage(rows: model.rows(in: interval)))
        }
        try await engine.close()
    }

    private func compare(
        _ engine: RowEngineDriver,
        _ model: inout Model,
        _ choice: inout Choice
    ) async throws {
        let slot = Slot(UInt64(choice.below(3)))
        let interval = RowInterval(
            slot: slot,
            first: choice.below(2) == 0 ? .first : choice.place(),
            end: choice.below(2) == 0 ? nil : choice.place()
        )
        let expected = model.rows(in: interval)
        // In pages of all kinds.
        let limit = RowLimit(rows: 1 + choice.below(20), bytes: choice.below(300))
        var found: [RowPage.Element] = []
        var rest: RowInterval? = interval
        while let next = rest {
            let page = try await engine.run { rows throws(StoreError) in
                try rows.scan(next, limit: limit)
            }
            #expect(page.rows.count <= limit.rows)
            #expect(page.rows.count == 1 || page.rows.reduce(0) { $0 + $1.size } <= limit.bytes)
            #expect(page.next == nil || !page.rows.isEmpty)
            found += page.rows
            rest = page.next.map { RowInterval(slot: slot, first: $0, end: interval.end) }
        }
        #expect(found == expected)
        let most = choice.below(30)
        let count = try await engine.run { rows throws(StoreError) in
            try rows.count(interval, atMost: most)
        }
        #expect(count == min(most, expected.count))

        let bounds = choice.bounds()
        let time = RangeTime(milliseconds: UInt64(choice.below(20)))
        let expired = try await engine.run { rows throws(StoreError) in
            try rows.expired(in: slot, within: bounds, at: time, atMost: most)
        }
        #expect(expired == Array(model.expired(slot, bounds, at: time).prefix(most)))

        guard choice.below(4) == 0 else { return }
        let cleared = try await engine.run { rows throws(StoreError) in
            try rows.clear(slot, within: bounds, atMost: most)
        }
        let inside = model.rows.keys.filter { $0.slot == slot && bounds.contains($0.position) }
            .sorted { Model.isBefore(RowPlace($0), RowPlace($1)) }
        #expect(cleared == min(most, inside.count))
        for key in inside.prefix(most) { model.rows[key] = nil }
    }

    @Test func prefixesHoldTheirKeysOnly() {
        let partition = Array("p".utf8)
        func interval(_ prefix: [UInt8], from start: [UInt8]? = nil) -> RowInterval {
            RowInterval(
                slot: Slot(1),
                position: [5],
                partition: partition,
                prefix: prefix,
                from: start
            )
        }
        func contains(_ interval: RowInterval, _ partition: [UInt8], _ key: [UInt8]) -> Bool {
            let place = RowPlace(position: [5], partition: partition, key: key)
            return !Model.isBefore(place, interval.first)
                && interval.end.map { Model.isBefore(place, $0) } ?? true
        }
        let all = interval([])
        #expect(contains(all, partition, []))
        #expect(contains(all, partition, [0xFF, 0xFF, 0xFF]))
        #expect(!contains(all, partition + [0], []))
        #expect(!contains(all, [], [1]))
        let some = interval([1, 0xFF])
        #expect(contains(some, partition, [1, 0xFF]))
        #expect(contains(some, partition, [1, 0xFF, 0xFF]))
        #expect(!contains(some, partition, [2]))
        #expect(!contains(some, partition, [1, 0xFE, 0xFF]))
        let last = interval([0xFF], from: [0xFF, 3])
        #expect(contains(last, partition, [0xFF, 3]))
        #expect(contains(last, partition, [0xFF, 0xFF]))
        #expect(!contains(last, partition, [0xFF, 2]))
        #expect(!contains(last, partition + [0], []))
        // A start before the prefix begins at the prefix.
        #expect(interval([7], from: [3]) == interval([7]))
    }

    @Test func boundsAreArcs() {
        #expect(RowBounds(after: [3], through: [3]) == .all)
        let plain = RowBounds(after: [3], through: [7])
        #expect([[3], [4], [7], [8]].map(plain.contains) == [false, true, true, false])
        let wrapped = RowBounds(after: [7], through: [3])
        #expect(
            [[0], [3], [4], [7], [8], [0xFF]].map(wrapped.contains) == [
                true, true, false, false, true, true,
            ]
        )
    }
}
