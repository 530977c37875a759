// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import Metrics

/// The metrics of this module, each with its name, unit and labels.
struct RuntimeMetrics: Sendable {
    /// `chord_ring_changes_total`: changes of this node's place, by kind.
    private let rangeChanges: Counter
    private let predecessorChanges: Counter
    private let successorChanges: Counter
    private let successorsLost: Counter
    /// `chord_unreached_total`: consequences of broken links, by kind.
    private let claimantsRefused: Counter
    private let refusals: Counter
    private let membersUnreached: Counter
    private let ownLink: Counter
    /// `chord_lookup_answers_refused_total`: lookup answers of live peers that were errors or
    /// contradictions.
    private let answersRefused: Counter
    /// `chord_lookup_hedges_total`: forwarded lookups that were sent to a second member, because the
    /// first was silent.
    private let hedges: Counter

    init(node: String) {
        func changes(_ kind: String) -> Counter {
            Counter(
                label: "chord_ring_changes_total",
                dimensions: [("node", node), ("kind", kind)]
            )
        }
        rangeChanges = changes("range")
        predecessorChanges = changes("predecessor")
        successorChanges = changes("successors")
        successorsLost = changes("successors_lost")
        func unreached(_ kind: String) -> Counter {
            Counter(label: "chord_unreached_total", dimensions: [("node", node), ("kind", kind)])
        }
        claimantsRefused = unreached("claimant_refused")
        refusals = unreached("refused_by_successor")
        membersUnreached = unreached("member_kept")
        ownLink = unreached("own_link")
        answersRefused = Counter(
            label: "chord_lookup_answers_refused_total",
            dimensions: [("node", node)]
        )
        hedges = Counter(label: "chord_lookup_hedges_total", dimensions: [("node", node)])
    }

    /// The consequence of a broken link.
    enum Unreached {
        /// A claimant was not accepted as the predecessor.
        case claimant
        /// The successor reports that it cannot reach this node.
        case bySuccessor
        /// A member stays because other members reach it.
        case member
        /// This node blames its own link.
        case ownLink
    }

    func record(_ unreached: Unreached) {
        switch unreached {
        case .claimant: claimantsRefused.increment()
        case .bySuccessor: refusals.increment()
        case .member: membersUnreached.increment()
        case .ownLink: ownLink.increment()
        }
    }

    func refusedAnswer() {
        answersRefused.increment()
    }

    func hedgedLookup() {
        hedges.increment()
    }

    func record(_ event: RingEvent) {
        switch event {
        case .rangeChanged: rangeChanges.increment()
        case .predecessorChanged: predecessorChanges.increment()
        case .successorsChanged: successorChanges.increment()
        case .successorsLost: successorsLost.increment()
        case .joined, .left: break
        }
    }
}
