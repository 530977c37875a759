// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// Which messages are taken [Ongaro 3.3, 4.2.1, 4.2.3].
//
// - Requests are taken from replicas that the configuration does not name: the receiver's may be out of
//   date. Whether such a replica is part of the range at all, the shell has checked.
// - Answers are taken only from replicas that the configuration names.

extension RaftMachine {
    /// A message has come from a replica; the shell knows by its certificate and descriptor that it has.
    ///
    /// - Throws: a refusal where the message is none that a correct replica sends here now. Messages that are
    ///   only late are ignored without one.
    package mutating func step(
        _ message: RaftMessage,
        from sender: ReplicaNumber
    ) throws(RaftRefusal) {
        if let halt { throw .halted(halt) }
        guard message.from == sender, message.to == number, sender != number else {
            throw .wrongAddress
        }
        if let defect = message.defect { throw .malformed(defect) }
        if message.body.isReply, !configuration.contains(sender) { throw .unknownSender(sender) }
        if message.body.isDisruptive, isLoyal {
            // A member that campaigns does not know that the leader lives: a silent leader tells it. Removed
            // replicas know no better [Ongaro 4.2.3].
            if configuration.contains(sender) { wakeLeader() }
            return
        }
        if message.term > term, message.body.raisesTerm {
            becomeFollower(term: message.term, leader: nil)
        } else if message.term < term {
            answerOlderTerm(message)
            return
        }
        if message.body.isFromLeader {
            try receiveFromLeader(message)
        } else {
            receive(message)
        }
    }

    /// Whether a vote for another replica would betray a leader [Ongaro 4.2.3].
    private var isLoyal: Bool {
        if leadership != nil { return true }
        guard let leaderContact else { return false }
        return now < leaderContact + settings.electionTimeoutMinimum
    }

    /// A former leader and a candidate of an older term must learn of the newer one. Without the answer, a
    /// replica with a newer term could neither follow the leader nor replace it.
    private mutating func answerOlderTerm(_ message: RaftMessage) {
        switch message.body {
        case .append, .heartbeat, .snapshot, .quiet, .preVote:
            send(.newerTerm, to: message.from)
        case .preVoteReply, .vote, .voteReply, .appendAccepted, .appendRejected, .heartbeatReply,
            .timeoutNow, .quietReply, .wake, .newerTerm:
            break
        }
    }

    private mutating func receiveFromLeader(_ message: RaftMessage) throws(RaftRefusal) {
        if case .timeoutNow = message.body {
            // From the leader that this replica knows, and to nobody else's harm.
            guard role == .follower, leader == message.from else { return }
            campaignForTransfer()
            return
        }
        guard leadership == nil, leader == nil || leader == message.from else {
            throw .secondLeader(message.from)
        }
        if role != .follower || leader == nil {
            becomeFollower(term: term, leader: message.from)
        }
        leaderContact = now
        if case .quiet = message.body {} else { isResting = false }
        resetElectionTimer()
        switch message.body {
        case .append(let append): receiveAppend(append, from: message.from)
        case .heartbeat(let round, let commit, let acknowledged):
            guard holds(acknowledged: acknowledged) else { return }
            commitAsFollower(through: commit)
            send(.heartbeatReply(round: round), to: message.from)
        case .snapshot(let snapshot): receiveSnapshot(snapshot, from: message.from)
        case .quiet(let position): receiveQuiet(position, from: message.from)
        default: preconditionFailure("no message of a leader: \(message)")
        }
    }

    private mutating func receive(_ message: RaftMessage) {
        let sender = message.from
        if message.body.isReply, let place = leadership?.place(of: sender) {
            leadership?.peers[place].lastHeard = now
        }
        switch message.body {
        case .preVote(let last): answerPreVote(message, last)
        case .preVoteReply(let isGranted): countPreVote(isGranted, message)
        case .vote(let last, _): answerVote(of: sender, last)
        case .voteReply(let isGranted): countVote(isGranted, of: sender)
        case .appendAccepted(let index): receiveAccepted(index, from: sender)
        case .appendRejected(let rejection): receiveRejected(rejection, from: sender)
        case .heartbeatReply(let round): receiveHeartbeatReply(round, from: sender)
        case .quietReply(let index): receiveQuietReply(index, from: sender)
        case .wake: wakeLeader()
        case .newerTerm: break
        case .append, .heartbeat, .snapshot, .timeoutNow, .quiet:
            preconditionFailure("a message of a leader: \(message)")
        }
    }
}

extension RaftMessage.Body {
    /// Whether only the leader of the term sends this.
    var isFromLeader: Bool {
        switch self {
        case .append, .heartbeat, .snapshot, .timeoutNow, .quiet: true
        case .preVote, .preVoteReply, .vote, .voteReply, .appendAccepted, .appendRejected,
            .heartbeatReply, .quietReply, .wake, .newerTerm:
            false
        }
    }

    /// Whether this answers a message of the receiver.
    fileprivate var isReply: Bool {
        switch self {
        case .preVoteReply, .voteReply, .appendAccepted, .appendRejected, .heartbeatReply,
            .quietReply, .wake, .newerTerm:
            true
        case .preVote, .vote, .append, .heartbeat, .snapshot, .timeoutNow, .quiet: false
        }
    }

    /// Whether this asks voters to leave a leader that has not asked for it.
    fileprivate var isDisruptive: Bool {
        switch self {
        case .preVote, .vote(_, isTransfer: false): true
        default: false
        }
    }

    /// Whether the sender is in the message's term. A pre-vote only asks about a term.
    fileprivate var raisesTerm: Bool {
        switch self {
        case .preVote, .preVoteReply(isGranted: true): false
        default: true
        }
    }
}
