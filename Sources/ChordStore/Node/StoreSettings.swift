// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordWire

/// Settings of a node's store.
package struct StoreSettings: Hashable, Sendable {
    package var raft: RaftSettings
    /// Voters of each range: 1, 3, 5 or 7. More survive more failures at once, and make each write wait for
    /// more disks.
    package var replicas = 3
    /// The largest value. More lets one write hold up the others of its range for longer.
    package var valueBytes = 1 << 20
    /// How long a replica may be silent before another takes its place. Shorter restores the number of
    /// copies sooner; longer copies less data for a node that comes back.
    package var replaceAfter: Duration = .seconds(300)
    /// How long the ring must have named the same members before replicas are moved. Shorter moves sooner;
    /// longer copies less while nodes come and go.
    package var settleTime: Duration = .seconds(10)
    /// Time between two decisions about the replicas of a range.
    package var placementInterval: Duration = .seconds(1)
    /// Entries that a replica keeps in its log after they are applied, so that a follower that was away for a
    /// moment needs no snapshot.
    package var logEntries: UInt64 = 10_000

    /// Whether leaders answer reads of level `lease` without asking the other replicas, for nine tenths of the shortest
    /// election timeout after a majority has confirmed them. It saves a round trip for each such read. It is right as
    /// long as the clock of a leader runs at most a tenth slower than those of the voters, and as long as no machine is
    /// paused as a whole, with its clocks.
    package var leaseReads: Bool {
        get { raft.leaseDuration != nil }
        set { raft.leaseDuration = newValue ? raft.electionTimeoutMinimum * 9 / 10 : nil }
    }

    /// Bytes of keys and values in all replicas of the node, from which on the ranges that it leads refuse writes that
    /// add to them; nil for no quota. A lower one leaves room on the disk for copies that other nodes give away when
    /// they fail; files take about twice as much.
    package var quota: UInt64?

    /// How the log on disk uses its files.
    package var log = SegmentedLogSettings()

    /// When ranges are split.
    package var splits = SplitPolicy.Limits()

    /// How snapshots travel.
    package var snapshots = SnapshotSettings()

    /// Limits of watching.
    package var watches = WatchSettings()

    package init(raft: RaftSettings = .lan) {
        self.raft = raft
        // Any replica may have promised a leader of another node to be loyal.
        self.raft.isLoyalAfterRestart = true
        // The longest write, with its keys: a value of the longest length is more than 1 MiB then.
        self.raft.entryBytes = max(raft.entryBytes, WireLimits.entryBytes.upperBound)
    }

    /// - Throws: `invalidSettings`; the message names the setting.
    package func validate() throws(StoreError) {
        try raft.validate()
        try snapshots.validate()
        try log.validate()
        guard RangeDescriptor.replications.contains(replicas) else {
            throw StoreError(.invalidSettings, "replicas is \(replicas): 1, 3, 5 or 7 are possible")
        }
        guard (1...RowLimits.valueBytes).contains(valueBytes) else {
            throw StoreError(
                .invalidSettings,
                "valueBytes is \(valueBytes), from 1 to \(RowLimits.valueBytes) is allowed"
            )
        }
        if let quota, quota == 0 {
            throw StoreError(.invalidSettings, "quota is 0: 1 byte or more, or nil for no quota")
        }
        guard splits.rows >= 2, splits.bytes >= 1, splits.replicasPerNode >= 1 else {
            throw StoreError(
                .invalidSettings,
                """
                splits has rows \(splits.rows), bytes \(splits.bytes) and replicasPerNode \
                \(splits.replicasPerNode): at least 2, 1 and 1 are needed
                """
            )
        }
        for (name, value) in [
            ("splits.settleTime", splits.settleTime),
            ("replaceAfter", replaceAfter), ("settleTime", settleTime),
            ("placementInterval", placementInterval),
        ] where value <= .zero {
            throw StoreError(.invalidSettings, "\(name) is \(value), it must be longer than zero")
        }
    }
}
