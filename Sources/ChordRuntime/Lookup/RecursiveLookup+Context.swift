// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

extension RecursiveLookup {
    /// The parts of the node that a lookup uses.
    struct Context: Sendable {
        let published: PublishedView
        let states: StateQuerier
        let members: KnownMembers
        let floor: Duration
        /// The fraction of the remaining time that one peer gets for its answer.
        let answerShare: Double
        /// Called for peers that are dead or not members.
        let suspect: @Sendable (Identifier) -> Void
        /// Called for live peers whose answer does not help, with the reason.
        let refused: @Sendable (NodeReference, String) -> Void
        /// Called when a second member is asked because the first is silent.
        let hedged: @Sendable () -> Void

        var peers: PeerCalls { states.peers }
        var silent: SilentPeers { states.silent }
        var hedges: HedgeBudget { states.hedges }
    }

    /// A call to a peer.
    struct Asked {
        let number: Int
        let peer: NodeReference
        var call: WatchedCall?
    }
}
