// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// What a snapshot is about; its data travel outside of the machine.
package struct RaftSnapshot: Hashable, Sendable, CustomStringConvertible {
    /// The last entry that the snapshot replaces.
    package var position: LogPosition
    /// The configuration in force there.
    package var configuration: RaftConfiguration

    package var index: LogIndex { position.index }
    package var term: Term { position.term }

    package init(index: LogIndex, term: Term, configuration: RaftConfiguration) {
        position = LogPosition(index: index, term: term)
        self.configuration = configuration
    }

    /// Where a replica without any data begins.
    package static let none = Self(index: .zero, term: .zero, configuration: .empty)

    /// The birth of a group with these replicas. It lies above the beginning of the log, so that a replica
    /// without data is always sent a snapshot, and with it configuration and state.
    package static func birth(of configuration: RaftConfiguration) -> Self {
        birth(of: configuration, at: LogIndex(1))
    }

    /// The birth of a group by a split: its log goes on after the entry of the parent's log that made it.
    package static func birth(of configuration: RaftConfiguration, at index: LogIndex) -> Self {
        Self(index: index, term: Term(1), configuration: configuration)
    }

    /// Position and configuration.
    package var description: String { "\(position) \(configuration)" }
}

/// A message between two replicas of a group. Range and store are named by the envelope around it.
package struct RaftMessage: Hashable, Sendable {
    package var from: ReplicaNumber
    package var to: ReplicaNumber
    /// The sender's term; of a pre-vote and its grant, the term that the candidate would begin.
    package var term: Term
    package var body: Body

    package init(from: ReplicaNumber, to: ReplicaNumber, term: Term, body: Body) {
        self.from = from
        self.to = to
        self.term = term
        self.body = body
    }

    package enum Body: Hashable, Sendable {
        /// Would you vote for me? [Ongaro 9.6] The candidate's log ends there.
        case preVote(LogPosition)
        case preVoteReply(isGranted: Bool)
        /// Vote for me [Ongaro 3.4]. With `isTransfer`, the leader itself has asked for the election
        /// [Ongaro 3.10], and voters need not stay loyal to it [Ongaro 4.2.3].
        case vote(LogPosition, isTransfer: Bool)
        case voteReply(isGranted: Bool)
        /// Entries [Ongaro 3.5].
        case append(RaftAppend)
        /// The receiver's log equals the leader's up to this index, durably.
        case appendAccepted(LogIndex)
        /// The entry before those of an append is missing or has another term.
        case appendRejected(RaftRejection)
        /// I am your leader. The answer counts for this round and earlier ones only. `commit` is at most
        /// `acknowledged`, the highest index that the receiver has acknowledged in this term.
        case heartbeat(round: UInt64, commit: LogIndex, acknowledged: LogIndex)
        case heartbeatReply(round: UInt64)
        /// A snapshot, whose data come by another way [Ongaro 5].
        case snapshot(RaftSnapshot)
        /// Campaign at once [Ongaro 3.10].
        case timeoutNow
        /// All is committed up to this position, the last one: rest until you hear of something.
        case quiet(LogPosition)
        case quietReply(LogIndex)
        /// A follower has left its rest: send heartbeats again.
        case wake
        /// The answer to a leader or a candidate of an older term: the message's term is the news.
        case newerTerm
    }
}

/// Entries, with the position before them.
package struct RaftAppend: Hashable, Sendable {
    package var previous: LogPosition
    package var entries: [LogEntry]
    /// The leader's commit index.
    package var commit: LogIndex
    /// The highest index that the receiver has acknowledged in this term.
    package var acknowledged: LogIndex

    package init(
        previous: LogPosition,
        entries: [LogEntry],
        commit: LogIndex,
        acknowledged: LogIndex
    ) {
        self.previous = previous
        self.entries = entries
        self.commit = commit
        self.acknowledged = acknowledged
    }
}

/// Why an append was rejected, and where the leader should try next.
package struct RaftRejection: Hashable, Sendable {
    /// The index before the rejected entries.
    package var previous: LogIndex
    /// The last place in the receiver's log, at or before `previous`, that may equal the leader's.
    package var hint: LogPosition

    package init(previous: LogIndex, hint: LogPosition) {
        self.previous = previous
        self.hint = hint
    }
}
