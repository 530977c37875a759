// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A change of what the log holds of one group.
///
/// The parts take effect in the order of the properties, and all of them or none is durable.
package struct GroupUpdate: Hashable, Sendable {
    /// The group, named by its range.
    package var range: RangeID
    /// The new hard state; nil where it did not change.
    package var hardState: HardState?
    /// The log begins anew after this place, that of an installed snapshot: all entries are removed.
    package var reset: LogPosition?
    /// Entries after this index are removed: they conflict with those of a leader [Ongaro 3.5].
    package var truncateAfter: LogIndex?
    /// Entries up to here are no longer needed. A place that was compacted already changes nothing.
    package var compactThrough: LogPosition?
    /// Entries to append. The first follows the last one that the log holds.
    package var entries: [LogEntry]
    /// Where the replica is deleted: the lowest number that a later replica of the range may have on this
    /// disk. Nothing of the group remains but this tombstone. It excludes the other parts.
    package var removal: ReplicaNumber?

    package init(
        _ range: RangeID,
        hardState: HardState? = nil,
        reset: LogPosition? = nil,
        truncateAfter: LogIndex? = nil,
        compactThrough: LogPosition? = nil,
        entries: [LogEntry] = [],
        removal: ReplicaNumber? = nil
    ) {
        self.range = range
        self.hardState = hardState
        self.reset = reset
        self.truncateAfter = truncateAfter
        self.compactThrough = compactThrough
        self.entries = entries
        self.removal = removal
    }

    /// Bytes that the update counts for in limits.
    var size: Int {
        entries.reduce(64) { $0 + $1.size }
    }
}

/// Updates of any number of groups that become durable together: after a crash all of them are there or
/// none is.
package struct LogBatch: Hashable, Sendable {
    /// The updates, at most one for each group.
    package var updates: [GroupUpdate]
    /// How much of a full disk's reserve the batch may use if it has entries. A batch without entries may use all
    /// of it.
    package var reserve: ReserveShare
    /// Batches of one round build on each other: once one of them was refused for want of room, the later ones of
    /// this round and of earlier ones are refused as well, whether they would fit or not. So their owner submits
    /// all of them again in their order, in a higher round. Nil for a batch that builds on none.
    package var round: UInt64?

    package init(_ updates: [GroupUpdate], reserve: ReserveShare = .nothing) {
        self.updates = updates
        self.reserve = reserve
    }

    /// Bytes that the batch counts for in limits.
    package var size: Int {
        updates.reduce(0) { $0 + $1.size }
    }

    var hasEntries: Bool {
        updates.contains { !$0.entries.isEmpty }
    }
}

/// How much of the reserve of a full disk entries may use.
package enum ReserveShare: Hashable, Sendable {
    case nothing
    /// Entries that were in the logs of groups before the disk was full, or that other nodes have accepted. Deletes
    /// behind them cannot be written without them.
    case half
    /// Entries that free room, and those by which groups elect and change their members.
    case most
}
