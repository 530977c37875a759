// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordBase

/// What a node brings to its part of the store.
package struct StoreSetup: Sendable {
    package typealias MakeEngines =
        @Sendable (LogIdentity, _ isNew: Bool, RowEngineHost) -> StoreEngines

    package var settings: StoreSettings
    /// The disk. Its identifier is in the node's reference, if the node holds data.
    package var disk: DiskID
    /// What is stored about the disk.
    package var record: StoreRecord
    /// Makes log and rows, not open yet; nil for a node that holds no data and only passes calls on.
    package var engines: MakeEngines?
    /// Stores a record durably. Called on the node's executor, a few times in the life of a disk.
    package var remember: @Sendable (StoreRecord) throws(StoreError) -> Void
    /// How far the executor's clock is behind one that counts the time in which the computer was suspended, from below
    /// and from above. Leases end when it grows.
    package var suspension: @Sendable () -> ClosedRange<Duration>
    /// Free bytes of the disk; 0 where there is none.
    package var freeBytes: @Sendable () -> UInt64 = { 0 }

    package init(
        settings: StoreSettings,
        disk: DiskID,
        record: StoreRecord,
        engines: MakeEngines?,
        remember: @escaping @Sendable (StoreRecord) throws(StoreError) -> Void,
        suspension: @escaping @Sendable () -> ClosedRange<Duration>
    ) {
        self.settings = settings
        self.disk = disk
        self.record = record
        self.engines = engines
        self.remember = remember
        self.suspension = suspension
    }
}

/// What a disk says about itself, besides log and rows.
package struct StoreRecord: Hashable, Sendable {
    /// The store that the disk belongs to; nil before its node was a member of a ring with a store.
    package var store: StoreID?
    /// Whether the node has to make the store's first range, and has not done so yet.
    package var givesBirth = false
    /// Whether log and rows were made. From then on missing ones are damage.
    package var isInUse = false
    /// How often the node has started with the disk, 1 or more.
    package var starts: UInt64

    package init(starts: UInt64) {
        self.starts = starts
    }
}

/// Log and rows of a disk.
package struct StoreEngines: Sendable {
    package var log: any RaftLogStore
    package var rows: any RowEngine

    package init(log: any RaftLogStore, rows: any RowEngine) {
        self.log = log
        self.rows = rows
    }
}
