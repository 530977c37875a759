// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Why a lookup found no owner.
package enum LookupFailure: Error, Hashable, Sendable {
    /// Too many hops: the ring's pointers form a loop.
    case hopBudgetSpent
    /// All nodes that could be asked are dead, as far as this node knows.
    case exhausted
    /// This node is not a member.
    case notMember
    /// The joining node's identifier is a member's already.
    case nameTaken(NodeReference)
}

/// One node's part in a recursive lookup: answer from the view, or ask the best next hop, and then
/// the next best. It is a value: the caller makes the calls.
package struct LookupMachine: Hashable, Sendable {
    /// The next step.
    package enum Step: Hashable, Sendable {
        /// The owner is known here.
        case answer(NodeReference)
        /// Ask this node.
        case ask(NodeReference)
        /// Give up.
        case fail(LookupFailure)
    }

    /// The identifier of the lookup.
    package let target: Identifier
    /// The node that joins at the target, in a lookup of its place.
    package let joiner: NodeReference?
    /// Hops before this node.
    package let hops: Int
    /// The total number of hops that are allowed.
    package private(set) var hopBudget: Int
    /// Nodes that others on the path found dead. They are asked last, because that may be wrong or
    /// outdated.
    package private(set) var avoided: [Identifier]
    /// Nodes that failed when this node asked them.
    package private(set) var excluded: [Identifier] = []
    /// Nodes that did not answer other lookups of this node just before. They are not asked while there is another way.
    package let silent: [Identifier]
    /// The number of nodes that answered without helping.
    package private(set) var refusals = 0

    /// A lookup with `hops` hops so far.
    package init(
        target: Identifier,
        joiner: NodeReference? = nil,
        hops: Int = 0,
        hopBudget: Int,
        avoiding avoided: [Identifier] = [],
        silent: [Identifier] = []
    ) {
        // A joiner's lookup follows the ring's own pointers, and asks silent nodes too.
        self.silent = joiner == nil ? silent : []
        self.target = target
        self.joiner = joiner
        self.hops = hops
        self.hopBudget = hopBudget
        self.avoided = avoided
    }

    /// The default number of allowed hops: twice as many as a finger table of `width` bits can
    /// need.
    package static func defaultHopBudget(width: Int) -> Int { 2 * width }

    /// The next step, seen from `view`.
    ///
    /// - Parameter known: a member before the target that the node knows beside its table. It is asked if it is
    ///   nearer to the target than the best of the table.
    package func step(in view: RoutingView, knowing known: NodeReference? = nil) -> Step {
        switch routingStep(in: view) {
        case .owner(let owner): .answer(owner)
        case .nameTaken(let node): .fail(.nameTaken(node))
        case .notMember: .fail(.notMember)
        case .exhausted: .fail(.exhausted)
        case .forward(let candidates):
            hops < hopBudget
                ? .ask(
                    shortcut(to: known, in: view, past: candidates[0])
                        ?? candidates.first { !avoided.contains($0.id) } ?? candidates[0]
                )
                : .fail(.hopBudgetSpent)
        }
    }

    private func routingStep(in view: RoutingView) -> RoutingStep {
        if !silent.isEmpty {
            let step = view.step(for: target, excluding: excluded + silent, joiner: joiner)
            if step != .exhausted { return step }
        }
        return view.step(for: target, excluding: excluded, joiner: joiner)
    }

    /// Whether members beside the table may be asked. A joiner needs the member just before it by the ring's own
    /// pointers. After a failure, here or before, the table is the safer guide: maintenance asks its nodes again and
    /// again, so that a lookup waits for one silent member beside it at most.
    package var mayTakeShortcuts: Bool {
        joiner == nil && excluded.isEmpty && avoided.isEmpty
    }

    /// The known member, if it lies between the best entry of the table and the target.
    private func shortcut(
        to known: NodeReference?,
        in view: RoutingView,
        past best: NodeReference
    ) -> NodeReference? {
        guard mayTakeShortcuts, let known, best.id != target, known.id != best.id,
            known.id.isIn(after: best.id, through: target),
            known.id != view.node.id, known.id != view.unreachedHead?.id, !silent.contains(known.id)
        else { return nil }
        return known
    }

    /// The nodes that the next node should avoid: all that were found dead on the path.
    package var toAvoid: [Identifier] { avoided + excluded.filter { !avoided.contains($0) } }

    /// Allows failed nodes to be asked again, after all others: they may answer now.
    package mutating func startOver() {
        avoided = toAvoid
        excluded = []
    }

    /// The asked node is alive, but its answer is an error or contradicts this node's knowledge. It
    /// may lie; then the next best node helps. Or it may be right; then every node will answer the
    /// same. Each refusal therefore leaves a quarter of the remaining hops, which limits the cost
    /// of a lookup.
    package mutating func refuse(_ id: Identifier) {
        exclude(id)
        refusals += 1
        hopBudget = hops + max(0, hopBudget - hops) / 4
    }

    /// The asked node failed: it is not asked again.
    package mutating func exclude(_ id: Identifier) {
        if !excluded.contains(id) { excluded.append(id) }
    }
}
