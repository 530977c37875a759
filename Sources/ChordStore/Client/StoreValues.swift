// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A key of the store: a name in a partition. Both are bytes, stored as they are.
///
/// The keys of one partition lie together, in the order of their bytes: they can be listed, counted, and written
/// together by a batch. A key without a partition is a partition of its own.
public struct StoreKey: Hashable, Sendable, ExpressibleByStringLiteral {
    /// The partition, 1 to 1,024 bytes; nil for the key itself.
    public var partition: [UInt8]?
    /// The name, at most 1,024 bytes; not empty without a partition.
    public var name: [UInt8]

    /// A key of bytes.
    public init(_ name: [UInt8], in partition: [UInt8]? = nil) {
        self.name = name
        self.partition = partition
    }

    /// A key of text, as UTF-8.
    public init(_ name: String, in partition: String? = nil) {
        self.init(Array(name.utf8), in: partition.map { Array($0.utf8) })
    }

    /// A key of text without a partition.
    public init(stringLiteral name: String) {
        self.init(name)
    }
}

/// How strict a read is.
public enum StoreReadLevel: String, Hashable, Sendable, CaseIterable {
    /// Sees every write that was answered before the read began.
    case linearizable
    /// The same without a round to the other replicas, where the store permits leases. It trusts that the machines'
    /// clocks run at about one rate.
    case lease
    /// The state of any replica. The answer says how far that replica is behind.
    case stale
}

/// A present value.
public struct StoreValue: Hashable, Sendable {
    /// The bytes; empty if only keys were asked for.
    public var bytes: [UInt8]
    /// The version of the write that stored it, 1 or more. Versions of a key grow, also over deletes, and never
    /// repeat.
    public var version: UInt64
    /// The remaining time to live, in whole milliseconds; nil if the key does not expire.
    public var timeToLive: Duration?

    /// Makes a value from its parts.
    public init(_ bytes: [UInt8], version: UInt64, timeToLive: Duration? = nil) {
        self.bytes = bytes
        self.version = version
        self.timeToLive = timeToLive
    }

    /// The bytes as UTF-8 text; nil if they are not.
    public var text: String? { String(validating: bytes, as: UTF8.self) }
}

/// How far the replica that answered a stale read is behind, as far as it knows.
public struct StoreLag: Hashable, Sendable {
    /// Entries that the replica knows to be committed and has not applied yet.
    public var entries: Int
    /// Time since the replica heard from a leader, or since its start.
    public var silence: Duration

    /// Makes a lag from its parts.
    public init(entries: Int, silence: Duration) {
        self.entries = entries
        self.silence = silence
    }
}

/// The answer to a read of several keys: all values are of one version of their partition.
public struct StoreReading: Hashable, Sendable {
    /// In the order of the keys; nil for an absent one.
    public var values: [StoreValue?]
    /// The version of the range that was read.
    public var version: UInt64
    /// Of a stale read.
    public var lag: StoreLag?

    /// Makes an answer from its parts.
    public init(values: [StoreValue?], version: UInt64, lag: StoreLag? = nil) {
        self.values = values
        self.version = version
        self.lag = lag
    }
}

/// A key with its value, from a list or a scan.
public struct StoreRow: Hashable, Sendable {
    /// The key. Its partition is always set.
    public var key: StoreKey
    /// The value; without bytes if only keys were asked for.
    public var value: StoreValue

    /// Makes a row from its parts.
    public init(key: StoreKey, value: StoreValue) {
        self.key = key
        self.value = value
    }
}

/// Rows of a list or a scan that came together.
public struct StorePage: Hashable, Sendable {
    /// In the order of their keys.
    public var rows: [StoreRow]
    /// The version that was read. All pages of a list have one version; those of a scan may differ.
    public var version: UInt64
    /// Of a stale read.
    public var lag: StoreLag?

    /// Makes a page from its parts.
    public init(rows: [StoreRow], version: UInt64, lag: StoreLag? = nil) {
        self.rows = rows
        self.version = version
        self.lag = lag
    }
}
