// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Why a lookup found no owner.
package enum LookupFailure: Error, Hashable, Sendable {
    /// Asked too many nodes in a row: the ring's pointers go in a circle.
    case hopBudgetSpent
    /// Nobody who could be asked is alive, as far as this node can tell.
    case exhausted
    /// This node is no member.
    case notMember
    /// The node that wants to join is a member already.
    case nameTaken(NodeReference)
}

/// One node's part in a recursive lookup: answer from the view, or ask the best next hop, and the next
/// best when that fails. A value; whoever drives it does the calls.
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

    /// What is looked for.
    package let target: Identifier
    /// The node that wants to join at the target, if that is what the lookup is for.
    package let joiner: NodeReference?
    /// Forwardings before this node.
    package let hops: Int
    /// Forwardings that are allowed in all.
    package private(set) var hopBudget: Int
    /// Nodes that others on the way found dead: asked last, as they may be wrong or it may be over.
    package private(set) var avoided: [Identifier]
    /// The nodes that were asked here and failed.
    package private(set) var excluded: [Identifier] = []
    /// How many nodes answered here and gave nothing that helps.
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

    /// What the next node is to avoid: all that was found dead on the way.
    package var toAvoid: [Identifier] { avoided + excluded.filter { !avoided.contains($0) } }

    /// Forgets who failed here, except that they are asked last: time has passed, and it may be over.
    package mutating func startOver() {
        avoided = toAvoid
        excluded = []
    }

    /// The node that was asked is alive, and its answer is an error or contradicts what is known. It may lie,
    /// so the next best is asked; or it may be right, and everybody will answer like that. So each refusal
    /// leaves a quarter of the forwardings that were left: what one lookup can cost stays bounded.
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
