// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// Silence of idle groups. Neither the dissertation nor etcd raft has it; CockroachDB calls it quiescence.
//
// - The leader asks all members that live to rest. Each agrees that it holds the last entry, knows that it is
//   committed, and knows the term; then it does not campaign. Once all have agreed the leader sends nothing.
// - A silent leader does not notice that it was cut off: its check of the majority rests, and no lease holds.
// - Proposals, reads, changes, campaigns and `wake()` end the rest. A follower that wakes tells the leader.

extension RaftMachine {
    /// Ends the rest, as the shell has heard that a node has died, restarted, or may have missed something.
    ///
    /// - Parameter delay: when a follower that hears of no leader campaigns; nil for an election timeout. The
    ///   shell spreads the campaigns of its groups, and lets the wanted leader go first.
    package mutating func wake(campaigningAfter delay: Duration? = nil) {
        guard halt == nil else { return }
        if leadership != nil {
            wakeLeader()
            return
        }
        guard isResting else { return }
        isResting = false
        resetElectionTimer()
        if let delay, electionDeadline != nil {
            // A promise to the leader is kept: it may hold a lease.
            let promised = leaderContact.map { $0 + settings.electionTimeoutMinimum } ?? now
            electionDeadline = max(now + max(.zero, delay), promised)
        }
        if let leader { send(.wake, to: leader) }
    }

    /// Tells what the shell knows of the members.
    ///
    /// - Parameters:
    ///   - silent: members that are dead: a group rests without them. One that comes back wakes the group.
    ///   - unwatched: members whose death the shell would not notice: with them the group does not rest.
    package mutating func setMembers(
        silent: Set<ReplicaNumber>,
        unwatched: Set<ReplicaNumber> = []
    ) {
        let returned = silentReplicas.subtracting(silent)
        let lost = unwatched.subtracting(unwatchedReplicas)
        silentReplicas = silent
        unwatchedReplicas = unwatched
        if !returned.isEmpty || !lost.isEmpty { wakeLeader() }
    }

    /// Puts the next campaign of a follower without a leader off, so that many groups that begin at the same time
    /// do not campaign at the same time.
    package mutating func campaign(after delay: Duration) {
        guard leader == nil, role == .follower, let deadline = electionDeadline else { return }
        electionDeadline = max(deadline, now + delay)
    }

    mutating func noteActivity() {
        leadership?.lastActivity = now
        wakeLeader()
    }

    /// A leader that rests, or is about to, sends heartbeats again.
    mutating func wakeLeader() {
        guard let leadership, leadership.rest != .awake else { return }
        if leadership.rest == .quiet { self.leadership?.awakeSince = now }
        self.leadership?.rest = .awake
        self.leadership?.lastActivity = now
        self.leadership?.heartbeatDeadline = now + settings.heartbeatInterval
        forgetLease()
        beginRound()
    }

    // MARK: The leader

    /// Begins to ask for rest when there was nothing to do for long enough.
    mutating func seekQuiet() {
        guard let quietAfter = settings.quietAfter, let leadership, leadership.rest == .awake,
            now >= leadership.lastActivity + quietAfter, hasNothingToDo
        else { return }
        self.leadership?.rest = .agreeing([])
    }

    private var hasNothingToDo: Bool {
        guard let leadership else { return false }
        let end = log.last.index
        return commit == end && persistence.persisted == end && commit >= leadership.firstIndex
            && !configuration.isJoint && leadership.rounds.isEmpty && leadership.transfer == nil
            && leadership.peers.allSatisfy {
                silentReplicas.contains($0.replica)
                    || $0.match == end && !unwatchedReplicas.contains($0.replica)
            }
            && configuration.isMajority { !silentReplicas.contains($0) }
    }

    mutating func askForQuiet() {
        guard hasNothingToDo else {
            wakeLeader()
            return
        }
        // A silent member that lacks entries is not asked: the message says what it has acknowledged.
        for peer in leadership?.peers ?? [] where peer.match == log.last.index {
            send(.quiet(log.last), to: peer.replica)
        }
        restIfAllAgree()
    }

    mutating func receiveQuietReply(_ index: LogIndex, from sender: ReplicaNumber) {
        guard case .agreeing(var agreed)? = leadership?.rest, index == log.last.index else {
            return
        }
        agreed.insert(sender)
        leadership?.rest = .agreeing(agreed)
        restIfAllAgree()
    }

    private mutating func restIfAllAgree() {
        guard case .agreeing(let agreed)? = leadership?.rest, hasNothingToDo else { return }
        let isAgreed = leadership?.peers.allSatisfy {
            silentReplicas.contains($0.replica) || agreed.contains($0.replica)
        }
        if isAgreed == true { leadership?.rest = .quiet }
    }

    // MARK: A follower

    mutating func receiveQuiet(_ position: LogPosition, from sender: ReplicaNumber) {
        guard holds(acknowledged: position.index) else { return }
        guard log.last == position, persistence.persisted >= position.index, installing == nil
        else { return }
        commitAsFollower(through: position.index)
        isResting = true
        resetElectionTimer()
        send(.quietReply(position.index), to: sender)
    }
}
