// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// Changes of the configuration by joint consensus [Ongaro 4.3].
//
// Where this differs from the dissertation, and why:
// - No change begins before an entry of the leader's own term is committed: Ongaro's correction of 2015 to the
//   changes of single replicas, kept here for all.
// - A removed leader that steps down asks the replica with the longest log to campaign at once, so that the group
//   does not wait for an election timeout.

extension RaftMachine {
    /// Begins a change of the configuration; a joint configuration is left by itself.
    ///
    /// New voters should be learners that have caught up: a voter without the log counts, and holds up every
    /// commit until it has it.
    ///
    /// - Returns: the place of the first entry of the change.
    /// - Throws: why it is not taken. Nothing happened then.
    package mutating func changeConfiguration(
        to target: RaftConfiguration
    ) throws(RaftRefusal) -> LogPosition {
        if let halt { throw .halted(halt) }
        guard let leadership else { throw .notLeader(leader) }
        if leadership.transfer != nil { throw .transferring }
        guard commit >= leadership.firstIndex else { throw .termNotCommitted }
        guard configurations.currentIndex <= commit, !configuration.isJoint else {
            throw .changePending
        }
        guard !target.isJoint, !target.voters.isEmpty else {
            throw .malformed("a target configuration \(target)")
        }
        guard hasNumbersLeft else { throw .logExhausted }
        guard target != configuration else { throw .sameConfiguration }
        noteActivity()
        appendAsLeader(.configuration, configuration.firstStep(to: target).encoded)
        return log.last
    }

    /// Once C_old,new is committed, C_new follows.
    mutating func leaveJointConfiguration() {
        guard leadership != nil, configuration.isJoint, configurations.currentIndex <= commit else {
            return
        }
        appendAsLeader(.configuration, configuration.afterJoint.encoded)
    }

    /// Whether this leader is not part of the committed configuration any more [Ongaro 4.2.2].
    var isRemovedLeader: Bool {
        leadership != nil && !configuration.isVoter(number)
            && configurations.currentIndex <= commit
    }

    /// A removed leader steps down.
    mutating func resign() {
        let heirs = leadership?.peers.filter { configuration.isVoter($0.replica) } ?? []
        if let heir = heirs.max(by: { $0.match < $1.match }) {
            leadership?.isLeaseForfeited = true
            send(.timeoutNow, to: heir.replica)
        }
        becomeFollower(term: term, leader: nil)
    }
}
