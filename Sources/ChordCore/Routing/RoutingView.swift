// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A node's routing state at one moment, from which requests are answered on any thread.
package struct RoutingView: Hashable, Sendable {
    /// The node itself.
    package let node: NodeReference
    /// Where the node is in its life.
    package let phase: ChordMachine.Phase
    /// Whether a maintenance operation is under way while state queries are delayed for it.
    package let isDelaying: Bool
    /// The predecessor; the node itself when it is alone.
    package let predecessor: NodeReference
    /// The successors, nearest first; empty when the node is alone.
    package let successors: [NodeReference]
    /// Fingers and successors, clockwise.
    package let table: RoutingTable
    /// What the ring's members have in common.
    package let parameters: RingParameters
    /// Whose the range between the predecessor and this node is.
    package var tenure = RangeTenure.State.held
    /// The head, where this node cannot reach it and others can: it owns what it owns, and is not routed by.
    package var unreachedHead: NodeReference?
    /// Former predecessors that may still own their ranges, the nearest first.
    package var formerOwners: [NodeReference] = []
    /// The predecessor of a predecessor that has left, if it is not the predecessor yet.
    package var heir: NodeReference?

    /// Whether the node is a member: only then may it answer.
    package var isMember: Bool { phase == .member }

    /// What the node answers when it is asked for its state.
    package var state: RingState {
        RingState(
            node: node,
            predecessor: predecessor,
            successors: successors.isEmpty ? [node] : successors
        )
    }

    /// Whether the node is a member that owns its range: only then is it named as an owner by itself.
    package var ownsRange: Bool { isMember && tenure == .held }

    /// What lies between the predecessor, or a nearer node that may still own its range, and the node; the
    /// node owns it where ``ownsRange`` says so.
    package var range: IdentifierRange {
        var start = predecessor.id
        for other in [formerOwners.first?.id, heir?.id] {
            if let other, other.isBetween(start, and: node.id) { start = other }
        }
        return IdentifierRange(after: start, through: node.id)
    }
}

/// The next step of a lookup as one node sees it.
package enum RoutingStep: Hashable, Sendable {
    /// The owner is known.
    case owner(NodeReference)
    /// Ask one of these, the best first; never empty.
    case forward([NodeReference])
    /// The node that wants to join is a member already: this one.
    case nameTaken(NodeReference)
    /// Everybody who could be asked is excluded.
    case exhausted
    /// This node is no member and cannot say.
    case notMember
}

extension RoutingView {
    private var isWithoutOthers: Bool { successors.isEmpty && predecessor.id == node.id }

    /// How many next hops a step names at the most.
    static let candidateLimit = 8

    /// Where a lookup of `id` goes from here.
    ///
    /// An identifier equal to a node's belongs to that node (section 2 of the SIGCOMM paper), so the
    /// closest preceding node may stand at `id` itself.
    ///
    /// - Parameters:
    ///   - excluded: nodes that this lookup found dead.
    ///   - joiner: the node that wants to join at `id`. It must not be told itself, and who answers
    ///     must be the member before it: that is whose list it takes over.
    package func step(
        for id: Identifier,
        excluding excluded: [Identifier] = [],
        joiner: NodeReference? = nil
    ) -> RoutingStep {
        guard isMember else { return .notMember }
        if let joiner {
            if joiner.id == node.id { return .nameTaken(node) }
        } else if range.contains(id), ownsRange || isWithoutOthers {
            return .owner(node)
        }
        func isOut(_ candidate: NodeReference) -> Bool {
            excluded.contains(candidate.id) || candidate.id == joiner?.id
                || candidate.id == unreachedHead?.id
        }
        // A node that was alone and has been notified knows of one other: its predecessor is then its
        // successor as well, although its list does not say so before the next stabilization.
        let list = successors.isEmpty && predecessor.id != node.id ? [predecessor] : successors
        let known = list.filter { $0.id != joiner?.id }
        // Alone, or only the joiner's former life is left beside us.
        guard let head = known.first else { return .owner(node) }
        if id.isIn(after: node.id, through: head.id) { return .owner(head) }
        // The head has not named this node: what lies before it belongs to the head.
        if joiner == nil, !ownsRange, range.contains(id) { return .owner(head) }
        var candidates: [NodeReference] = []
        for candidate in table.preceding(id) where !isOut(candidate) {
            candidates.append(candidate)
            if candidates.count == Self.candidateLimit { break }
        }
        if !candidates.isEmpty { return .forward(candidates) }
        // The table holds the successors, all but a predecessor that stands in for one.
        if !isOut(head), !table.entries.contains(head) { return .forward([head]) }
        // Everybody before the identifier is excluded. The list still says who comes at or after it, and
        // that counts even for one that is excluded itself: this lookup's suspicion does not decide who
        // owns what, maintenance does.
        let owner = known.first { id.isIn(after: node.id, through: $0.id) }
        return owner.map { .owner($0) } ?? .exhausted
    }
}
