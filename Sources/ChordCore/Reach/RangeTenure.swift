// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Whether a member owns the range between its predecessor and itself.
///
/// A joining node is a member at once, as in "How to Make Chord Correct": it has a list and a
/// predecessor, and no other node is told. Its future range belongs to its head until the head has
/// accepted it as its predecessor. The machine's state therefore changes as in the paper. This
/// value decides which events embedders see, and which node lookups name:
/// - ``State/awaited``: the head has not named this node. Nothing is reported, and the head is
///   named as the owner.
/// - ``State/held``: the head has named this node, or this node is alone. It owns its range.
/// - ``State/doubted``: the head has answered with another predecessor, which lies before this
///   node, and so owns the range itself. The head is named as the owner. Nothing is reported,
///   because the next Notify may settle it.
///
/// A doubted range is lost, and this is reported, once the head has said that no member can reach
/// this node.
package struct RangeTenure: Hashable, Sendable {
    /// The state of the range.
    package enum State: String, Hashable, Sendable, CaseIterable {
        /// The head has not named this node as its predecessor yet, or refuses it.
        case awaited
        /// This node owns its range.
        case held
        /// The head named another predecessor, and has not decided about this node since.
        case doubted
    }

    /// The state of the range now.
    package private(set) var state = State.awaited
    /// How often this node has given its range up, whether it was reported or not: a part of its
    /// ``RangeClaim/number``. Only the answer to a claim with the present number can give the range back.
    package private(set) var releases: UInt64 = 0
    /// Whether the range is doubted only because this node stood still, and not because of its head.
    private var hasStoodStill = false
    /// Whether the head has failed or left while this node owned nothing. The next head does not know all
    /// nodes before this one.
    package private(set) var hasLostHead = false
    /// Whether that head died without a Leave. The next head knows nothing then.
    package private(set) var hasHeadDied = false
    /// Whether embedders were told that this node has joined.
    package private(set) var hasJoined = false
    /// The range that was last reported to embedders.
    package private(set) var reported: IdentifierRange?

    /// The tenure of a node that is not a member.
    package init() {}

    /// The node creates or founds a ring: no other node could confirm it.
    package mutating func hold() {
        state = .held
    }

    /// The part of a machine event that embedders see.
    package mutating func events(for event: RingEvent) -> [RingEvent] {
        switch event {
        case .joined:
            guard state == .held, !hasJoined else { return [] }
            hasJoined = true
            return [event]
        case .rangeChanged(_, let to, let cause):
            let isLost = to == nil
            guard isLost || state != .awaited else { return [] }
            return report(to, cause)
        case .successorsChanged(let from, let to, let cause):
            if state != .held, from.first?.id != to.first?.id, cause == .failed || cause == .left {
                hasLostHead = true
            }
            return hasJoined ? [event] : []
        case .predecessorChanged: return hasJoined ? [event] : []
        case .successorsLost, .left: return [event]
        }
    }

    private mutating func report(
        _ range: IdentifierRange?,
        _ cause: RingEvent.Cause
    ) -> [RingEvent] {
        guard range != reported else { return [] }
        defer { reported = range }
        return [.rangeChanged(from: reported, to: range, cause: cause)]
    }

    /// The head names this node as its predecessor, or has accepted it as one; or this node is
    /// alone.
    package mutating func confirm(_ view: RoutingView) -> [RingEvent] {
        hasStoodStill = false
        (hasLostHead, hasHeadDied) = (false, false)
        guard view.isMember, state != .held || !hasJoined else { return [] }
        state = .held
        if hasJoined { return report(view.range, .stabilized) }
        hasJoined = true
        return [.joined(view.state)] + report(view.range, .joined)
    }

    /// The head has answered that `predecessor` is its predecessor.
    package mutating func headNames(
        _ predecessor: NodeReference,
        head: Identifier,
        in view: RoutingView
    ) -> [RingEvent] {
        if predecessor.id == view.node.id { return confirm(view) }
        // A node between this node and its head takes nothing from this node's range.
        guard !predecessor.id.isBetween(view.node.id, and: head) else { return [] }
        hasStoodStill = false
        if state == .held { doubt() }
        return []
    }

    private mutating func doubt() {
        state = .doubted
        releases += 1
    }

    /// This node stood still for longer than it may own its range without a word of its head.
    package mutating func stoodStill() {
        guard state == .held else { return }
        hasStoodStill = true
        doubt()
    }

    /// The head is taken for dead.
    package mutating func headDied() {
        if state != .held { hasHeadDied = true }
    }

    /// Another member is the head now. It has not claimed the range.
    package mutating func headChanged(_ view: RoutingView) -> [RingEvent] {
        hasStoodStill ? confirm(view) : []
    }

    /// The head says that neither it nor others can reach this node. A range that the head does not claim
    /// itself stays.
    package mutating func refuse() -> [RingEvent] {
        guard state == .doubted else { return [] }
        state = .awaited
        return report(nil, .failed)
    }
}
