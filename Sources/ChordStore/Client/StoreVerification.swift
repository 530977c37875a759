// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordCore

/// What the replicas of one range hold after one entry of its log.
public struct StoreRangeVerification: Hashable, Sendable {
    /// One replica.
    public struct Replica: Hashable, Sendable {
        /// What came of a replica.
        public enum Outcome: Hashable, Sendable {
            /// It holds the same as most replicas of the range.
            case equal
            /// It holds something else.
            case different
            /// Its data cannot be read; why. The replica has stopped, and the others replace it.
            case damaged(String)
            /// It was not compared; why.
            case notCompared(String)
        }

        /// The replica's number.
        public var number: UInt64
        /// The name of its node.
        public var node: String
        /// The node's disk, 32 hexadecimal digits.
        public var disk: String
        /// What came of it.
        public var outcome: Outcome
        /// Keys; 0 if it was not compared.
        public var rows: UInt64 = 0
        /// Bytes of keys and values; 0 if it was not compared.
        public var bytes: UInt64 = 0
    }

    /// A row in which replicas differ.
    public struct RowDifference: Hashable, Sendable {
        /// What one replica has of the row.
        public struct Holding: Hashable, Sendable {
            /// The replica's number.
            public var replica: UInt64
            /// The version of the row; nil if the replica does not have it.
            public var version: UInt64?
            /// Checksum of the row: two of the same version can have different values.
            public var checksum: UInt32?
        }

        /// The position of the row's partition.
        public var position: Identifier
        /// The partition.
        public var partition: [UInt8]
        /// The key in it.
        public var key: [UInt8]
        /// What each replica has of it.
        public var holdings: [Holding]
    }

    /// The range's identifier, 32 hexadecimal digits.
    public var range: String
    /// The positions of the range.
    public var bounds: IdentifierRange
    /// The entry of the log after which the replicas were compared; nil if none was.
    public var index: UInt64?
    /// The replicas, by number.
    public var replicas: [Replica]
    /// Whether replicas differ in what they keep besides the rows: bounds, replicas, time, answers to writes.
    public var recordsDiffer = false
    /// Rows in which replicas differ.
    public var rows: [RowDifference] = []
    /// Whether there are more such rows than ``rows`` has.
    public var hasMoreRows = false

    /// Whether replicas differ, or one of them is damaged.
    public var hasDifferences: Bool {
        replicas.contains { replica in
            switch replica.outcome {
            case .different, .damaged: true
            case .equal, .notCompared: false
            }
        }
    }

    /// Whether every replica was compared, or is known to be damaged.
    public var isComplete: Bool {
        replicas.allSatisfy { replica in
            if case .notCompared = replica.outcome { false } else { true }
        }
    }
}
