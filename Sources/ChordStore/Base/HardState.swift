// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// What a replica must remember over a restart besides its log [Ongaro, figure 3.1].
package struct HardState: Hashable, Sendable {
    /// The latest term that the replica has seen.
    package var term: Term
    /// The candidate that the replica voted for in this term.
    package var vote: ReplicaNumber?
    /// The highest index that the replica knew to be committed. Raft does not need it on disk; it lets a
    /// replica apply entries after a restart without a leader.
    package var commit: LogIndex

    package init(term: Term = .zero, vote: ReplicaNumber? = nil, commit: LogIndex = .zero) {
        self.term = term
        self.vote = vote
        self.commit = commit
    }
}
