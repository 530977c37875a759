// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Why a lookup found no owner.
package enum LookupFailure: Error, Hashable, Sendable {
    /// Asked too many nodes in a row: the ring's pointers go in a circle.
    case hopBudgetSpent
    /// No node that could be asked is alive, as far as this node can tell.
    case exhausted
    /// This node is no member.
    case notMember
    /// The node that wants to join is a member already.
    case nameTaken(NodeReference)
}

/// One node's part in a recursive lookup: answer from the view, or ask the best next hop, and the next
/// best when that fails. A value: the caller makes the calls.
package struct LookupMachine: Hashable, Sendable {
    /// What to do next.
    package enum Step: Hashable, Sendable {
        /// The owner is known here.
        case answer(NodeReference)
        /// Ask this node.
        case ask(NodeReference)
        /// Give up.
        case fail(LookupFailure)
    }

    /// The identifier that is looked up.
    package let target: Identifier
    /// The node that wants to join at the target, in a lookup of its place.
    package let joiner: NodeReference?
    /// Forwardings before this node.
    package let hops: Int
    /// Forwardings that are allowed in all.
    package private(set) var hopBudget: Int
    /// Nodes that others on the way found dead: asked last, as that may be wrong, or no longer true.
    package private(set) var avoided: [Identifier]
    /// The nodes that were asked here and failed.
    package private(set) var excluded: [Identifier] = []
    /// How many nodes answered without helping.
    package private(set) var refusals = 0

    /// A lookup that has come `hops` forwardings far.
    package init(
        target: Identifier,
        joiner: NodeReference? = nil,
        hops: Int = 0,
        hopBudget: Int,
        avoiding avoided: [Identifier] = []
    ) {
        self.target = target
        self.joiner = joiner
        self.hops = hops
        self.hopBudget = hopBudget
        self.avoided = avoided
    }

    /// The number of forwardings that are allowed by default: twice as many as a finger table of `width`
    /// bits can need.
    package static func defaultHopBudget(width: Int) -> Int { 2 * width }

    /// The next step, seen from `view`.
    package func step(in view: RoutingView) -> Step {
        switch view.step(for: target, excluding: excluded, joiner: joiner) {
        case .owner(let owner): .answer(owner)
        case .nameTaken(let node): .fail(.nameTaken(node))
        case .notMember: .fail(.notMember)
        case .exhausted: .fail(.exhausted)
        case .forward(let candidates):
            hops < hopBudget
                ? .ask(candidates.first { !avoided.contains($0.id) } ?? candidates[0])
                : .fail(.hopBudgetSpent)
        }
    }

    /// The nodes that the next node is to avoid: all that were found dead on the way.
    package var toAvoid: [Identifier] { avoided + excluded.filter { !avoided.contains($0) } }

    /// Allows nodes that failed to be asked again, but last: they may answer by now.
    package mutating func startOver() {
        avoided = toAvoid
        excluded = []
    }

    /// The node that was asked is alive, and its answer is an error or contradicts this node's knowledge. It
    /// may lie, so the next best is asked; or it may be right, and every node will answer the same. So each
    /// refusal leaves a quarter of the remaining forwardings, which bounds the cost of one lookup.
    package mutating func refuse(_ id: Identifier) {
        exclude(id)
        refusals += 1
        hopBudget = hops + max(0, hopBudget - hops) / 4
    }

    /// The node that was asked failed: it is not asked again.
    package mutating func exclude(_ id: Identifier) {
        if !excluded.contains(id) { excluded.append(id) }
    }
}
