// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRuntime
package import ChordStore

/// A node's part of the ring's store.
///
/// A store begins with its ring: the first node of a ring, or its founders, make it if they have this
/// configuration. Every later member with it holds a part of the data. Members without it hold none
/// and know nothing of the store.
public struct StoreConfiguration: Hashable, Sendable {
    /// Where the node keeps its part.
    public enum Engine: String, Hashable, Sendable, CaseIterable {
        /// In the node's data directory. A restarted node has its part again.
        case disk
        /// In memory, for caches and tests. A restarted node has nothing, and receives its part anew. A store
        /// whose nodes all keep it in memory ends when they all have stopped.
        case memory
        /// The node holds no data and passes calls on to nodes that do. It begins no store.
        case routing
    }

    /// Where the node keeps its part.
    public var engine: Engine
    /// The number of nodes that hold each key: 1, 3, 5 or 7; 3 by default. With 3 one of them may fail, with 5
    /// two. Counts for a store that this node begins.
    public var replicas: Int {
        get { settings.replicas }
        set { settings.replicas = newValue }
    }
    /// The longest value in bytes, 1 byte to 3 MiB; 1 MiB by default. A longer value keeps other writes of its range waiting for longer.
    public var largestValue: Int {
        get { settings.valueBytes }
        set { settings.valueBytes = newValue }
    }
    /// How long a node may be silent before another one takes over its part; 5 minutes by default. A shorter time restores the number
    /// of copies sooner; a longer one copies less data for a node that comes back.
    public var replaceAfter: Duration {
        get { settings.replaceAfter }
        set { settings.replaceAfter = newValue }
    }

    /// How many bytes per second the node sends to fill replicas on other nodes, all of them together; 32 MiB by
    /// default, nil for no limit. A higher rate restores the number of copies sooner; a lower one leaves more of
    /// network and disks to callers.
    public var rebalanceRate: UInt64? {
        get { settings.snapshots.bytesPerSecond }
        set { settings.snapshots.bytesPerSecond = newValue }
    }

    /// Whether this node, where it leads a range, answers reads of level `lease` without asking the other replicas; off by
    /// default. It saves those reads a round trip. They are linearizable as long as the clocks of two machines differ
    /// by less than a tenth in their rates, and no machine is paused as a whole, with its clocks, as a snapshot of a
    /// virtual machine does.
    public var leaseReads: Bool {
        get { settings.leaseReads }
        set { settings.leaseReads = newValue }
    }

    /// Bytes of keys and values, in all the node's copies together, from which on the ranges that it leads refuse writes
    /// that add to them; nil, the default, for no quota. Deletes go on, and writes again below 19/20 of it. Files take
    /// about twice as much. Give all nodes the same: each leader asks its own node only.
    public var quota: UInt64? {
        get { settings.quota }
        set { settings.quota = newValue }
    }

    /// Bytes of keys and values from which on a range that this node leads is split in two; 64 MiB by default. A smaller
    /// size spreads data over more nodes, and each move of a replica takes less time; a larger one makes fewer ranges,
    /// each of which costs memory and heartbeats.
    public var rangeSize: UInt64 {
        get { settings.splits.bytes }
        set { settings.splits.bytes = newValue }
    }

    /// The possible values of ``rangeSize``, 16 KiB to 1 GiB.
    public static let rangeSizes: ClosedRange<UInt64> = (16 << 10)...(1 << 30)

    /// All settings of the node's part of the store.
    package var settings = StoreSettings()

    /// A part of the store in an engine, with defaults for all other settings.
    public init(_ engine: Engine = .disk) {
        self.engine = engine
    }

    /// - Throws: `ChordError` with `invalidConfiguration`, which names the setting.
    func check(dataDirectory: String?) throws(ChordError) {
        if engine == .disk, dataDirectory == nil {
            throw ChordError(
                .invalidConfiguration,
                "a store on disk needs a data directory: set dataDirectory, or keep the store in memory"
            )
        }
        #if !SQLite
        if engine == .disk {
            throw ChordError(
                .invalidConfiguration,
                "this program was built without SQLite and keeps no store on disk: build the package "
                    + "with its trait SQLite, or keep the store in memory"
            )
        }
        #endif
        guard Self.rangeSizes.contains(rangeSize) else {
            throw ChordError(
                .invalidConfiguration,
                "the store's rangeSize is \(rangeSize) bytes, from \(Self.rangeSizes.lowerBound) to "
                    + "\(Self.rangeSizes.upperBound) are possible"
            )
        }
        do throws(StoreError) {
            try settings.validate()
        } catch {
            throw ChordError(.invalidConfiguration, "the store's settings", cause: error)
        }
    }
}
