// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// What the machine wants done. The shell does it and feeds the results back; it decides nothing.
package enum RaftDirective: Hashable, Sendable {
    /// Make this durable, in the order of the tokens, and call ``RaftMachine/persisted(_:)``.
    case persist(RaftPersistence)
    /// Send a message. It need not arrive.
    case send(RaftMessage)
    /// Apply these committed entries in order, and call ``RaftMachine/applied(through:)``.
    case apply([LogEntry])
    /// Answer these reads once everything up to the index is applied.
    case readsReady([UInt64], LogIndex)
    /// These reads will not be confirmed: this replica leads no more.
    case readsFailed([UInt64])
    /// Role, term or leader changed.
    case statusChanged(RaftStatus)
    /// Another configuration is in force, committed or not.
    case configurationChanged(RaftConfiguration)
    /// A replica needs entries that are not in the log any more: make a snapshot, call
    /// ``RaftMachine/sendSnapshot(to:at:)``, stream the data, and call
    /// ``RaftMachine/snapshotSent(to:isComplete:)``.
    case needsSnapshot(ReplicaNumber)
    /// Receive and install this snapshot, whose data the sender streams, after everything that was handed
    /// out to be applied; then call ``RaftMachine/snapshotInstalled(_:)``, or
    /// ``RaftMachine/snapshotAbandoned()``.
    case installSnapshot(RaftSnapshot, from: ReplicaNumber)
    /// The transfer of the leadership has ended without success: proposals are accepted again.
    case transferAborted(to: ReplicaNumber)
    /// The group has fallen silent, or woken, at this replica.
    case quietChanged(Bool)
    /// The replica has stopped for good.
    case halted(RaftHalt)
}

/// Names one ``RaftDirective/persist(_:)``.
package struct PersistToken: Hashable, Sendable, Comparable, CustomStringConvertible {
    let number: UInt64

    package static func < (left: Self, right: Self) -> Bool { left.number < right.number }

    /// The token's number.
    package var description: String { "#\(number)" }
}

/// What is to become durable, all or nothing: first `reset`, then `truncateAfter`, then the rest.
package struct RaftPersistence: Hashable, Sendable {
    package var token: PersistToken
    package var hardState: HardState
    /// The log begins anew after this position, that of a snapshot: all entries go.
    package var reset: LogPosition?
    /// All entries after this index go.
    package var truncateAfter: LogIndex?
    /// Entries to append.
    package var entries: [LogEntry]
}

/// What a replica is in its group.
package enum RaftRole: String, Hashable, Sendable, CaseIterable {
    /// Follows a leader, or waits for one. Learners are followers.
    case follower
    /// Asks whether it could win an election [Ongaro 9.6].
    case preCandidate
    /// Asks for votes.
    case candidate
    /// Leads.
    case leader
}

/// Role, term and leader of a replica.
package struct RaftStatus: Hashable, Sendable {
    package var role: RaftRole
    package var term: Term
    /// The leader of the term, where it is known.
    package var leader: ReplicaNumber?

    package init(role: RaftRole, term: Term, leader: ReplicaNumber?) {
        self.role = role
        self.term = term
        self.leader = leader
    }
}

/// Why a replica has stopped for good. It must be removed from its group and made anew.
package enum RaftHalt: Hashable, Sendable, CustomStringConvertible {
    /// The leader has seen more acknowledged than the log holds: the data were restored from an old copy.
    case lostAcknowledged(LogIndex, last: LogIndex)
    /// The leader's log differs from this one in an entry that is committed here.
    case committedEntryDiffers(LogIndex)

    /// What happened and what to do.
    package var description: String {
        switch self {
        case .lostAcknowledged(let index, let last):
            "this replica has acknowledged entry \(index) and holds only \(last): its data were restored "
                + "from an old copy; remove the replica and let it be made anew"
        case .committedEntryDiffers(let index):
            "entry \(index) is committed here, and the leader's differs: data of this replica or of the "
                + "leader were restored from an old copy; remove the replica and let it be made anew"
        }
    }
}

/// Why an input is not taken.
package enum RaftRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// Only the leader can do this; it is named where it is known.
    case notLeader(ReplicaNumber?)
    /// The leadership is being handed over: try again at the next leader.
    case transferring
    /// Too many bytes wait to be committed: try again later.
    case tooMuchUncommitted
    /// The payload has more bytes than one entry may have.
    case entryTooLarge(limit: Int)
    /// The log has reached the largest index that is accepted.
    case logExhausted
    /// No entry of the leader's own term is committed yet: try again later.
    case termNotCommitted
    /// Another change of the configuration is under way: try again later.
    case changePending
    /// The change changes nothing.
    case sameConfiguration
    /// The replica is not a voter.
    case notVoter(ReplicaNumber)
    /// The replica has no use for a snapshot now, or the log cannot describe one at this index.
    case noSnapshotNeeded(ReplicaNumber)
    /// The message is not for this replica, or was not sent by the one it names.
    case wrongAddress
    /// An answer from a replica that the configuration does not name.
    case unknownSender(ReplicaNumber)
    /// A message from a second leader of the term.
    case secondLeader(ReplicaNumber)
    /// A message that no correct replica sends.
    case malformed(String)
    /// The replica has stopped.
    case halted(RaftHalt)

    /// The reason as a clause.
    package var description: String {
        switch self {
        case .notLeader(let leader?): "this replica is not the leader, \(leader) is"
        case .notLeader(nil): "this replica is not the leader, and none is known"
        case .transferring: "the leadership is being handed over"
        case .tooMuchUncommitted: "too many bytes wait to be committed"
        case .entryTooLarge(let limit): "the entry has more than \(limit) bytes"
        case .logExhausted: "the log has reached its largest index"
        case .termNotCommitted: "no entry of the leader's term is committed yet"
        case .changePending: "another change of the configuration is under way"
        case .sameConfiguration: "the configuration is this one already"
        case .notVoter(let replica): "replica \(replica) is not a voter"
        case .noSnapshotNeeded(let replica): "replica \(replica) needs no snapshot from here"
        case .wrongAddress: "the message is not for this replica or not from the one it names"
        case .unknownSender(let replica): "the configuration does not name replica \(replica)"
        case .secondLeader(let replica): "replica \(replica) is not the leader of this term"
        case .malformed(let detail): "a malformed message: \(detail)"
        case .halted(let reason): "the replica has stopped: \(reason)"
        }
    }
}
