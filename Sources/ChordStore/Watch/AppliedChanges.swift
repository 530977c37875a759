// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase

/// A row that an applied entry has changed, as those who watch it are told.
package struct ChangedRow: Hashable, Sendable {
    package enum Change: Hashable, Sendable {
        /// - Parameter timeToLive: the time to live when the value was written; nil if the key does not expire.
        case put(value: [UInt8], timeToLive: Duration?)
        case deleted
        /// The time to live was over.
        case expired
    }

    package var position: [UInt8]
    package var partition: [UInt8]
    package var key: [UInt8]
    package var change: Change

    package init(_ key: RowKey, _ change: Change) {
        position = key.position
        partition = key.partition
        self.key = key.key
        self.change = change
    }

    /// What the row takes in memory, about.
    var bytes: Int {
        let value = if case .put(let value, _) = change { value.count } else { 0 }
        return Self.overhead + position.count + partition.count + key.count + value
    }

    /// Four arrays with their headers, and the row itself.
    private static let overhead = 192
}

/// The rows that one entry has changed. They have one version and are told together.
package struct AppliedChanges: Hashable, Sendable {
    /// The index of the entry.
    package let version: LogIndex
    package let rows: [ChangedRow]
    /// What the changes take in memory, about.
    package let bytes: Int

    package init(version: LogIndex, rows: [ChangedRow]) {
        self.version = version
        self.rows = rows
        bytes = rows.reduce(0) { $0 + $1.bytes }
    }

    /// The changes of some of the rows; nil if none of them is among these.
    func of(_ isWanted: (ChangedRow) -> Bool) -> AppliedChanges? {
        if rows.allSatisfy(isWanted) { return self }
        let wanted = rows.filter(isWanted)
        return wanted.isEmpty ? nil : AppliedChanges(version: version, rows: wanted)
    }
}

extension RangeState {
    /// Applies the next entry of the log, where nobody is told of changes.
    package mutating func apply(
        _ entry: LogEntry,
        to rows: inout some RowTransaction
    ) throws(StoreError) -> AppliedEntry {
        var changes: [ChangedRow] = []
        return try apply(entry, to: &rows, noting: &changes)
    }
}
