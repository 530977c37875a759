// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordCore

/// The state of a node's part of the store.
public struct StoreNodeStatus: Hashable, Sendable {
    /// What the part does. Later versions may add states.
    public enum State: String, Hashable, Sendable, CaseIterable {
        /// It reads its disk, or waits for the ring.
        case starting
        /// It serves reads and writes.
        case serving
        /// Its disk is full: it serves reads and deletes only.
        case full
        /// It hands its leaderships over before it stops.
        case draining
        /// It moves its replicas to other nodes before it leaves for good.
        case leaving
        /// It has closed after an error, which ``StoreNodeStatus/reason`` tells.
        case failed
    }

    /// The store's identifier, 32 hexadecimal digits; nil before the node has a store.
    public var store: String?
    /// The identifier of the node's disk, 32 hexadecimal digits.
    public var disk: String?
    /// The node's name.
    public var node: String
    /// What the part does.
    public var state: State
    /// Why, if it does not serve.
    public var reason: String
    /// Starts of this node with this disk.
    public var starts: UInt64
    /// The number of its replicas.
    public var replicas: UInt64
    /// The number of replicas that lead their range.
    public var leaders: UInt64
    /// The number of ranges that it leads and that lack something.
    public var rangesWithIssues: UInt64
    /// Keys in all its replicas.
    public var rows: UInt64
    /// Bytes of keys and values in all its replicas.
    public var bytes: UInt64
    /// Free bytes of its disk; 0 for a store in memory.
    public var freeBytes: UInt64
    /// Bytes of keys and values that it may hold; nil without a quota.
    public var quotaBytes: UInt64?
    /// Whether writes that add to them are refused, for the ranges that it leads.
    public var isQuotaReached: Bool
    /// Its replicas, in the order of their ranges' identifiers.
    public var ranges: [StoreRangeStatus]
}

/// A replica on a node, and its range.
public struct StoreRangeStatus: Hashable, Sendable {
    /// A copy of the range on one disk.
    public struct Replica: Hashable, Sendable {
        /// What a replica counts for.
        public enum Kind: String, Hashable, Sendable, CaseIterable {
            /// Counts for a majority.
            case voter
            /// Receives the writes and does not count for a majority.
            case learner
            /// Has a number and is not in the configuration yet.
            case prepared
        }

        /// The replica's number, 1 or more; never used again in its range.
        public var number: UInt64
        /// The name of its node.
        public var node: String
        /// The node's last known address, as `host:port`.
        public var address: String
        /// What it counts for.
        public var kind: Kind
        /// The last entry that it has acknowledged; nil if the answering node does not lead the range.
        public var acknowledged: UInt64?
        /// Time since it answered; nil if the answering node does not lead the range.
        public var silence: Duration?
        /// The disk that holds it, 32 hexadecimal digits.
        public var disk = ""
    }

    /// Something that the range lacks.
    public struct Issue: Hashable, Sendable {
        /// The kind of an issue. Later versions may add kinds.
        public enum Kind: String, Hashable, Sendable, CaseIterable {
            /// There are fewer store members than wanted voters.
            case fewMembers
            /// A replica does not answer.
            case silentReplica
            /// A new replica is still catching up.
            case catchingUp
            /// No leader is known: a majority does not answer.
            case noLeader
            /// The replica was restored from an old copy, or has damaged data, and counts as lost.
            case replicaLost
            /// The wanted replicas lie elsewhere, and a move waits.
            case misplaced
        }

        /// The kind of the issue.
        public var kind: Kind
        /// The reason, for people; it names the nodes.
        public var detail: String
    }

    /// What the leader does to the range at present.
    public struct Move: Hashable, Sendable {
        /// The kind of a move. Later versions may add kinds.
        public enum Kind: String, Hashable, Sendable, CaseIterable {
            /// A new replica receives the rows.
            case add
            /// The voters are exchanged.
            case exchange
            /// A former replica is removed.
            case remove
            /// Another replica becomes the leader.
            case transferLeadership
            /// The range is split.
            case split
        }

        /// The kind of the move.
        public var kind: Kind
        /// The node that gains or loses something; empty for a split.
        public var node: String
        /// Bytes sent, and all of them; 0 if nothing is sent.
        public var sentBytes: UInt64
        /// All bytes to send.
        public var totalBytes: UInt64
    }

    /// The range's identifier, 32 hexadecimal digits.
    public var range: String
    /// How often its replicas have changed.
    public var configurationEpoch: UInt64
    /// How often its bounds have changed.
    public var boundsEpoch: UInt64
    /// The positions of the range.
    public var bounds: IdentifierRange
    /// Its replicas.
    public var replicas: [Replica]
    /// The number of voters that the store wants.
    public var wantedVoters: Int
    /// The number of the answering node's replica.
    public var replica: UInt64
    /// The leader's replica number; nil if unknown.
    public var leader: UInt64?
    /// The leader's term.
    public var term: UInt64
    /// The last entry known to be committed.
    public var commit: UInt64
    /// The last entry that was applied here.
    public var applied: UInt64
    /// Keys.
    public var rows: UInt64
    /// Bytes of keys and values.
    public var bytes: UInt64
    /// How far this replica is behind, as far as it knows.
    public var lag: StoreLag
    /// Whether the range is silent because nothing changes.
    public var isQuiet: Bool
    /// What the range lacks.
    public var issues: [Issue]
    /// What the leader does at present.
    public var move: Move?

    /// The leading replica, if it is known.
    public var leadingReplica: Replica? { replicas.first { $0.number == leader } }

    /// Whether the answering node's replica leads the range.
    public var isLedHere: Bool { leader == replica }
}
