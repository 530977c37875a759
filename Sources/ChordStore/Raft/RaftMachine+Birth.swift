// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// The birth of a group by a split of another one. Raft leaves it open; TiKV and CockroachDB split their groups in
// the same way.
//
// A member of the new group may have sent messages here before the split was applied on this disk. They have made a
// replica that has no data, and that may have voted. It keeps term and vote.

extension RaftMachine {
    /// The state of the group's birth has become durable in the state machine, which had none.
    package mutating func born(as birth: RaftSnapshot) {
        precondition(
            log.last == .zero,
            "a replica with entries up to \(log.last) is not born again"
        )
        guard halt == nil else { return }
        if term < birth.term { becomeFollower(term: birth.term, leader: nil) }
        installing = nil
        log = RaftLog(base: birth.position)
        configurations = ConfigurationHistory(base: birth)
        persistence.reset(to: birth.position)
        commit = birth.index
        applied = birth.index
        handedToApply = birth.index
        configurationTookEffect()
    }

    /// Campaigns without waiting for an election timeout: the caller knows that the group has no leader.
    package mutating func campaignAtOnce() {
        guard halt == nil, leadership == nil, leader == nil, role == .follower else { return }
        // A promise to a former leader is kept: it may hold a lease.
        if let leaderContact, now < leaderContact + settings.electionTimeoutMinimum { return }
        campaign()
    }
}
