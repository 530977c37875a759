// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordCore

/// What a recovery would do to a range without a leader, and what it may lose.
public struct StoreRecoveryPlan: Hashable, Sendable {
    /// A replica that is left.
    public struct Survivor: Hashable, Sendable {
        /// The name of its node.
        public var node: String
        /// The node's disk, 32 hexadecimal digits.
        public var disk: String
        /// The term of the last entry in its log.
        public var term: UInt64
        /// The last entry in its log.
        public var last: UInt64
        /// The last entry that it has applied.
        public var applied: UInt64
        /// Keys.
        public var rows: UInt64
        /// Whether its data can be read, as far as the node knows.
        public var isReadable: Bool
        /// Whether the new range begins with it: its log is the most complete one.
        public var isFounder: Bool
    }

    /// A replica that is given up, or that does not answer.
    public struct Lost: Hashable, Sendable {
        /// The name of its node.
        public var node: String
        /// The disk, 32 hexadecimal digits.
        public var disk: String
        /// Whether the administrator gives it up.
        public var isGivenUp: Bool
    }

    /// The range's identifier, 32 hexadecimal digits.
    public var range: String
    /// The positions of the range; nil if it is known only by its identifier.
    public var bounds: IdentifierRange?
    /// The replicas that are left.
    public var survivors: [Survivor]
    /// The others.
    public var lost: [Lost]
    /// Why the range cannot, or need not, be recovered so; nil if it can.
    public var problem: String?
}

/// A range that was recovered.
public struct StoreRecoveryResult: Hashable, Sendable {
    /// The lost range's identifier, 32 hexadecimal digits.
    public var range: String
    /// The identifier of the range that has taken its place.
    public var successor: String
    /// The disk with which that range began.
    public var disk: String
}
