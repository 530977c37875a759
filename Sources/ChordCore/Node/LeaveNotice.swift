// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// What a member says to its neighbours when it leaves, so that what it knows does not go with it.
package struct LeaveNotice: Hashable, Sendable {
    /// Whether a node that leaves is expected back.
    package enum Intent: String, Hashable, Sendable, CaseIterable {
        /// Nothing was said: a node of the first version.
        case unspecified
        /// The node stops and is expected to come back, so its data stays.
        case returning
        /// The node does not come back, so its data moves.
        case forGood
    }

    /// The most lost members that one names, and that one is believed.
    package static let lostLimit = 16

    /// Who leaves, and between whom it stood.
    package var state: RingState
    /// Members that the leaver had lost, last lost first: they may be in another part of the ring, and the
    /// leaver the last that knew of them.
    package var lost: [NodeReference]
    /// Whether the leaver is expected back. Both leave the ring; the difference is the store's.
    package var intent: Intent

    /// A notice from its parts.
    package init(
        state: RingState,
        lost: [NodeReference] = [],
        intent: Intent = .unspecified
    ) {
        self.state = state
        self.lost = lost
        self.intent = intent
    }
}
