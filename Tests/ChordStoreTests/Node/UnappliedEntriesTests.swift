// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Testing

@testable import ChordStore

/// Entries that wait for room on the disk.
@Suite(.tags(.unit)) struct UnappliedEntriesTests {
    private func entries(_ indices: ClosedRange<UInt64>) -> [LogEntry] {
        indices.map { LogEntry(term: Term(1), index: LogIndex($0)) }
    }

    @Test("A work that fails after later entries were committed keeps its place")
    func order() {
        var unapplied = entries(3...4)
        unapplied.insertInOrder(entries(7...9))
        unapplied.insertInOrder(entries(5...6))
        #expect(unapplied == entries(3...9))
        unapplied.insertInOrder(entries(1...2))
        unapplied.insertInOrder([])
        #expect(unapplied == entries(1...9))
    }

    @Test("Entries are divided by their bytes, and keep their order")
    func division() {
        let sizes = [3, 0, 7, 20, 0, 0, 9, 1, 2]
        let entries = sizes.enumerated().map { place, size in
            LogEntry(
                term: Term(1),
                index: LogIndex(UInt64(place + 1)),
                payload: [UInt8](repeating: 1, count: size)
            )
        }
        let parts = entries.divided(byBytes: 10)
        #expect(parts.flatMap { $0 } == entries)
        #expect(parts.map { $0.map(\.payload.count) } == [[3, 0, 7], [20], [0, 0, 9, 1], [2]])
        #expect([LogEntry]().divided(byBytes: 10).isEmpty)
        #expect(entries.divided(byBytes: 1_000) == [entries])
    }
}
