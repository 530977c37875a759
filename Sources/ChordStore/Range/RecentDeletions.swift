// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Which partitions of a range have lost rows lately.
///
/// A list of several pages shows one version. A row that was written after that version shows it by its own version;
/// a row that was deleted shows nothing. So a replica remembers, for a bounded number of partitions, the last entry
/// that deleted a row. Of all that only the last delete of the range is stored and sent: a replica that has started, or
/// has received its state, takes it for a delete in each partition.
package struct RecentDeletions: Hashable, Sendable {
    /// Partitions that are remembered one by one. More let more lists go on beside deletes; each may have 1 KiB.
    private static let most = 128

    /// The last entry that may have deleted a row of a partition that is not listed.
    private var floor: LogIndex
    private var last: [[UInt8]: LogIndex] = [:]

    /// The last entry that deleted a row, as far as is known.
    package var latest: LogIndex { max(floor, last.values.max() ?? floor) }

    /// - Parameter floor: the last entry that may have deleted a row.
    package init(after floor: LogIndex) {
        self.floor = floor
    }

    /// Whether no row of a partition was deleted after a version.
    package func none(in partition: [UInt8], after version: LogIndex) -> Bool {
        version >= last[partition] ?? floor
    }

    /// An entry has deleted a row.
    package mutating func note(_ entry: LogIndex, in partition: [UInt8]) {
        if last.count >= Self.most, last[partition] == nil {
            floor = latest
            last = [:]
        }
        last[partition] = entry
    }
}
