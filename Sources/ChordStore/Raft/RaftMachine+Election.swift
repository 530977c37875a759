// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// Elections [Ongaro 3.4, 3.6.1], with the pre-vote [Ongaro 9.6].
//
// - A learner answers vote requests: it may have become a voter in a configuration that it has not received
//   [Ongaro 4.2.2]. It never campaigns.
// - A candidate's own vote counts once it is durable.

extension RaftMachine {
    // MARK: Roles

    mutating func becomeFollower(term newTerm: Term, leader newLeader: ReplicaNumber?) {
        if newTerm > term {
            term = newTerm
            vote = nil
        }
        if let leadership, !leadership.rounds.isEmpty {
            directives.append(.readsFailed(leadership.rounds.unconfirmed))
        }
        leadership = nil
        election = Election()
        role = .follower
        leader = newLeader
        isResting = false
        resetElectionTimer()
    }

    private mutating func becomeLeader() {
        role = .leader
        leader = number
        election = Election()
        electionDeadline = nil
        leaderContact = nil
        let first = log.last.index.successor
        var leadership = Leadership(
            firstIndex: first,
            uncommittedBytes: log.size(after: commit, through: log.last.index),
            now: now,
            heartbeat: settings.heartbeatInterval
        )
        leadership.setPeers(configuration.members.filter { $0 != number }, next: first)
        self.leadership = leadership
        // An entry of its own term, so that those before it are committed [Ongaro 3.6.2, 6.4].
        appendAsLeader(.empty, [])
    }

    // MARK: Campaigning

    /// Asks whether this replica could win an election.
    mutating func campaign() {
        guard mayCampaign, hasNumbersLeft else {
            electionDeadline = nil
            return
        }
        isResting = false
        leader = nil
        role = .preCandidate
        election = Election(votes: [number: true])
        resetElectionTimer()
        guard configuration.result(of: election.votes) != .won else {
            seekVotes(isTransfer: false)
            return
        }
        for voter in configuration.allVoters where voter != number {
            send(.preVote(log.last), to: voter, term: term.successor)
        }
    }

    /// Whether terms and indexes can be counted up. Only forged messages bring a replica to their end.
    var hasNumbersLeft: Bool { term.successor.isPlausible && log.last.index.adding(4) != nil }

    /// The leader wants this replica to take over [Ongaro 3.10].
    mutating func campaignForTransfer() {
        guard configuration.isVoter(number), hasNumbersLeft else { return }
        isResting = false
        seekVotes(isTransfer: true)
    }

    private mutating func seekVotes(isTransfer: Bool) {
        term = term.successor
        vote = number
        leader = nil
        role = .candidate
        election = Election()
        resetElectionTimer()
        for voter in configuration.allVoters where voter != number {
            sendWhenPersisted(.vote(log.last, isTransfer: isTransfer), to: voter)
        }
    }

    // MARK: Voting

    mutating func answerPreVote(_ message: RaftMessage, _ last: LogPosition) {
        guard message.term > term else {
            send(.newerTerm, to: message.from)
            return
        }
        if isResting, configuration.contains(message.from) { wake() }
        let isGranted = last >= log.last
        send(
            .preVoteReply(isGranted: isGranted),
            to: message.from,
            term: isGranted ? message.term : term
        )
    }

    mutating func answerVote(of candidate: ReplicaNumber, _ last: LogPosition) {
        let mayVote = vote == candidate || (vote == nil && leader == nil)
        guard mayVote, last >= log.last else {
            send(.voteReply(isGranted: false), to: candidate)
            return
        }
        vote = candidate
        resetElectionTimer()
        sendWhenPersisted(.voteReply(isGranted: true), to: candidate)
    }

    // MARK: Counting

    mutating func countPreVote(_ isGranted: Bool, _ message: RaftMessage) {
        guard role == .preCandidate, !isGranted || message.term == term.successor else { return }
        election.votes[message.from] = isGranted
        switch configuration.result(of: election.votes) {
        case .won: seekVotes(isTransfer: false)
        case .lost: becomeFollower(term: term, leader: nil)
        case .open: break
        }
    }

    mutating func countVote(_ isGranted: Bool, of voter: ReplicaNumber) {
        guard role == .candidate else { return }
        election.votes[voter] = isGranted
        switch configuration.result(of: election.votes) {
        case .won: becomeLeader()
        case .lost: becomeFollower(term: term, leader: nil)
        case .open: break
        }
    }

    /// What this replica holds has become durable up to here.
    ///
    /// The shell reports the tokens in order; a later token includes those before it.
    package mutating func persisted(_ token: PersistToken) {
        let messages = persistence.persisted(token)
        guard halt == nil else { return }
        outbox += messages
        if role == .candidate, persistence.persistedTerm == term, election.votes[number] == nil {
            countVote(true, of: number)
        }
        commitAsLeader()
    }
}
