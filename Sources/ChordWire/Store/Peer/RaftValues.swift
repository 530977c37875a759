// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A place in a log: index and term of an entry.
package struct WireLogPosition: Hashable, Sendable {
    package var index: UInt64
    package var term: UInt64

    package init(index: UInt64, term: UInt64) {
        self.index = index
        self.term = term
    }
}

/// An entry of a log. Its index follows from its place among the entries.
package struct WireRaftEntry: Hashable, Sendable {
    package enum Kind: Hashable, Sendable, CaseIterable {
        /// A command of the range's state machine.
        case normal
        /// The first entry of a term; no payload.
        case empty
        case configuration
    }

    package var term: UInt64
    package var kind: Kind
    package var payload: [UInt8]

    package init(term: UInt64, kind: Kind, payload: [UInt8]) {
        self.term = term
        self.kind = kind
        self.payload = payload
    }
}

/// The replicas of a group by number.
package struct WireRaftConfiguration: Hashable, Sendable {
    package var voters: [UInt64]
    /// During a joint change: the voters of the old configuration.
    package var outgoing: [UInt64]
    package var learners: [UInt64]

    package init(voters: [UInt64], outgoing: [UInt64] = [], learners: [UInt64] = []) {
        self.voters = voters
        self.outgoing = outgoing
        self.learners = learners
    }
}

/// Entries, with the position before them.
package struct WireRaftAppend: Hashable, Sendable {
    package var previous: WireLogPosition
    /// The first one has the index after `previous`.
    package var entries: [WireRaftEntry]
    package var commit: UInt64
    /// The last entry that the receiver has acknowledged to this leader.
    package var acknowledged: UInt64

    package init(
        previous: WireLogPosition,
        entries: [WireRaftEntry],
        commit: UInt64,
        acknowledged: UInt64
    ) {
        self.previous = previous
        self.entries = entries
        self.commit = commit
        self.acknowledged = acknowledged
    }
}

/// A message of one group, other than a heartbeat.
package struct WireRaftMessage: Hashable, Sendable {
    package enum Content: Hashable, Sendable {
        case vote(last: WireLogPosition, isPre: Bool, isTransfer: Bool)
        case voteReply(isPre: Bool, isGranted: Bool)
        case append(WireRaftAppend)
        /// The receiver's log equals the leader's up to this index, synced.
        case appendAccepted(UInt64)
        /// `hint` is the last entry of the receiver that may equal the leader's.
        case appendRejected(previous: UInt64, hint: WireLogPosition)
        /// The receiver needs entries that are gone: a snapshot follows.
        case snapshot(WireLogPosition, WireRaftConfiguration)
        case timeoutNow
        case quiet(WireLogPosition)
        case quietReply(UInt64)
        case wake
        case newerTerm
    }

    package var range: UInt128
    /// Replica numbers of sender and receiver.
    package var from: UInt64
    package var to: UInt64
    package var term: UInt64
    package var content: Content
    /// Set until the receiver has answered: its replica is created by it.
    package var descriptor: WireRangeDescriptor?

    package init(
        range: UInt128,
        from: UInt64,
        to: UInt64,
        term: UInt64,
        _ content: Content,
        descriptor: WireRangeDescriptor? = nil
    ) {
        self.range = range
        self.from = from
        self.to = to
        self.term = term
        self.content = content
        self.descriptor = descriptor
    }
}

/// A heartbeat of one group, or the answer to one.
package struct WireRaftHeartbeat: Hashable, Sendable {
    package var range: UInt128
    /// Replica numbers of sender and receiver.
    package var from: UInt64
    package var to: UInt64
    package var term: UInt64
    /// The leader's round of confirming that it leads, or the round that is answered.
    package var round: UInt64
    /// 0 in an answer.
    package var commit: UInt64
    /// The last entry that the receiver has acknowledged to this leader; 0 in an answer.
    package var acknowledged: UInt64
    /// Set until the receiver has answered: its replica is created by it.
    package var descriptor: WireRangeDescriptor?

    package init(
        range: UInt128,
        from: UInt64,
        to: UInt64,
        term: UInt64,
        round: UInt64,
        commit: UInt64 = 0,
        acknowledged: UInt64 = 0,
        descriptor: WireRangeDescriptor? = nil
    ) {
        self.descriptor = descriptor
        self.range = range
        self.from = from
        self.to = to
        self.term = term
        self.round = round
        self.commit = commit
        self.acknowledged = acknowledged
    }
}

/// A group whose messages the receiver did not take.
package struct WireRaftRefusal: Hashable, Sendable {
    package enum Reason: Hashable, Sendable {
        /// The receiver has no such replica, and the message cannot create one.
        case unknownReplica
        /// The replica was removed. A new one on this disk has at least this number.
        case removed(nextReplica: UInt64)
        /// The receiver's descriptor does not name the sender.
        case unknownSender
        /// The replica was restored from an old copy, or is damaged.
        case lost
        /// The replica waits until its parent has split.
        case waitsForSplit
        /// The receiver does not lead the group, in which the caller rests.
        case notLeader
    }

    package var range: UInt128
    /// The number that the messages were for.
    package var replica: UInt64
    package var reason: Reason

    package init(range: UInt128, replica: UInt64, _ reason: Reason) {
        self.range = range
        self.replica = replica
        self.reason = reason
    }
}
