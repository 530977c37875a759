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
}
