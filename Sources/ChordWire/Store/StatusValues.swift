// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A replica on the answering node, and its range.
package struct WireRangeStatus: Hashable, Sendable {
    package var descriptor: WireRangeDescriptor
    /// The number of this node's replica.
    package var replica: UInt64
    /// The leader's replica number; nil if unknown.
    package var leader: UInt64?
    package var term: UInt64
    package var commit: UInt64
    package var applied: UInt64
    package var rows: UInt64
    package var bytes: UInt64
    package var lag: WireReplicaLag
    /// Whether the group is silent because nothing changes.
    package var isQuiet: Bool
    /// What the leader knows of each replica; empty from others.
    package var progress: [WireReplicaProgress]
    /// What the range lacks, and why.
    package var issues: [WireRangeIssue]
    /// What the leader does at present.
    package var move: WireRangeMove?

    package init(
        descriptor: WireRangeDescriptor,
        replica: UInt64,
        leader: UInt64?,
        term: UInt64,
        commit: UInt64,
        applied: UInt64,
        rows: UInt64,
        bytes: UInt64,
        lag: WireReplicaLag,
        isQuiet: Bool,
        progress: [WireReplicaProgress] = [],
        issues: [WireRangeIssue] = [],
        move: WireRangeMove? = nil
    ) {
        self.descriptor = descriptor
        self.replica = replica
        self.leader = leader
        self.term = term
        self.commit = commit
        self.applied = applied
        self.rows = rows
        self.bytes = bytes
        self.lag = lag
        self.isQuiet = isQuiet
        self.progress = progress
        self.issues = issues
        self.move = move
    }
}

/// What a leader knows of a replica.
package struct WireReplicaProgress: Hashable, Sendable {
    package var number: UInt64
    /// The last entry that the replica has acknowledged.
    package var acknowledged: UInt64
    /// Time since it answered. Carried in whole milliseconds.
    package var silence: Duration

    package init(number: UInt64, acknowledged: UInt64, silence: Duration) {
        self.number = number
        self.acknowledged = acknowledged
        self.silence = silence
    }
}

/// Why a range does not have what it should.
package struct WireRangeIssue: Hashable, Sendable {
    package enum Kind: Hashable, Sendable, CaseIterable {
        /// Fewer store members than wanted voters.
        case fewMembers
        /// A replica does not answer.
        case silentReplica
        /// A new replica is still catching up.
        case catchingUp
        /// A majority does not answer.
        case noLeader
        /// This replica was restored from an old copy, or has damaged data.
        case replicaLost
        /// The wanted replicas lie elsewhere, and a move waits.
        case misplaced
    }

    package var kind: Kind
    /// For people; names the nodes. Cut at 512 bytes.
    package var detail: String

    package init(_ kind: Kind, _ detail: String) {
        self.kind = kind
        self.detail = detail
    }
}

/// What a leader does to a range at present.
package struct WireRangeMove: Hashable, Sendable {
    package enum Kind: Hashable, Sendable, CaseIterable {
        /// A learner receives the rows.
        case add
        /// The voters are exchanged.
        case exchange
        /// A former replica is removed.
        case remove
        case transferLeadership
        case split
    }

    package var kind: Kind
    /// The node that gains or loses something; empty for a split.
    package var node: String
    /// Bytes sent, and all of them; 0 if nothing is sent.
    package var sentBytes: UInt64
    package var totalBytes: UInt64

    package init(_ kind: Kind, node: String, sentBytes: UInt64 = 0, totalBytes: UInt64 = 0) {
        self.kind = kind
        self.node = node
        self.sentBytes = sentBytes
        self.totalBytes = totalBytes
    }
}

/// What a node's part of the store does.
package enum WireStoreState: Hashable, Sendable, CaseIterable {
    /// Reads its disk, or waits for the ring.
    case starting
    case serving
    /// Its disk is full: reads and deletes only.
    case full
    /// Hands its leaderships over before it stops.
    case draining
    /// Moves its replicas to other nodes before it leaves for good.
    case leaving
    /// Closed after an error.
    case failed
}
