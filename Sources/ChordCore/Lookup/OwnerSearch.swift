// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// Lookups among nodes whose answers must be checked.
//
// A node of another implementation may answer a lookup wrongly. Some name a node's predecessor when
// they are asked for the node's own identifier, and any node may name a dead one. A node's
// statement about its own place is more reliable. The owner is therefore found by node states: a
// lookup's answer is only a hint, and the named node must confirm itself that it is a member, and
// name its predecessor.

/// Finds the owner of an identifier by asking nodes for their states. It is a value: the caller
/// makes the calls, and answers each step with one of `answered`, `failed` and `jumped`.
package struct OwnerSearch: Hashable, Sendable {
    /// The next step.
    package enum Step: Hashable, Sendable {
        /// Ask a node for its state.
        case ask(NodeReference)
        /// Ask a node to look the target up, because its fingers may lead further than its list. If
        /// it must not be asked, call `jumped(to: nil)`.
        case jump(NodeReference)
        /// The owner, and the nearest member before the target, each with its own state. The latter
        /// is nil if no node had to be asked.
        case found(owner: RingState, before: RingState?)
        /// No node that could be asked answers.
        case fail
    }

    /// The identifier of the lookup.
    package let target: Identifier
    /// The node that joins at the target. It is never the owner, and the member before it is needed
    /// too.
    package let joiner: Identifier?
    /// The number of members that must answer before ``isFar``; a small ring has fewer.
    private static let smallRing = 8
    /// The largest number of questions.
    private let questionLimit: Int
    /// The nodes to start with.
    private let start: [NodeReference]
    /// Other nodes that the caller knows. The search continues with them if a node claims to be
    /// alone or names no live node.
    private let known: [NodeReference]

    /// The nearest member before the target that has answered.
    private var near: RingState?
    /// The nearest member at or after the target that has answered.
    private var beyond: RingState?
    private var excluded: Set<Identifier>
    private var hint: NodeReference?
    private var jumpedFrom: Identifier?
    private var questions = 0
    private var membersSeen: Set<Identifier> = []

    /// A search that starts with one of `start`.
    ///
    /// - Parameter known: other nodes that the caller knows, and the caller itself if it is a
    ///   member.
    package init(
        for target: Identifier,
        from start: [NodeReference],
        known: [NodeReference] = [],
        joiner: Identifier? = nil,
        questionLimit: Int
    ) {
        self.target = target
        self.start = start
        self.known = known
        self.joiner = joiner
        self.questionLimit = questionLimit
        excluded = Set(joiner.map { [$0] } ?? [])
    }

    /// Whether the ring is larger than the successor list of the nearest member before the target.
    /// In a smaller ring that list wraps around and contains the member itself. A node that
    /// forwards a request along such a list may ask itself.
    package var isFar: Bool {
        guard let near, beyond == nil else { return false }
        return membersSeen.count > max(Self.smallRing, near.successors.count + 1)
    }

    /// Whether a node is known at an identifier.
    package func knows(_ id: Identifier) -> Bool {
        membersSeen.contains(id) || excluded.contains(id)
            || (start + known + (near?.successors ?? [])).contains { $0.id == id }
    }

    /// The next step. Each one that asks counts against the limit.
    package mutating func step() -> Step {
        let step = next()
        guard step.isQuestion else { return step }
        questions += 1
        return questions <= questionLimit ? step : .fail
    }

    private func next() -> Step {
        if let hint { return .ask(hint) }
        guard let near else {
            if let beyond, joiner == nil, beyond.node.id == target {
                return .found(owner: beyond, before: nil)
            }
            // On a circle every node precedes the target; the nearest is asked first.
            return nearestBeforeTarget(of: start).map { .ask($0) } ?? .fail
        }
        if let beyond {
            if let nearer = nearer(than: beyond, near) { return .ask(nearer) }
            if joiner != nil, let closer = closer(than: near, beyond) { return .ask(closer) }
            return .found(owner: beyond, before: near)
        }
        let list = near.successors.filter { isUsable($0, beside: near) }
        let reaching = list.first { target.isIn(after: near.node.id, through: $0.id) }
        if let reaching { return .ask(reaching) }
        if jumpedFrom != near.node.id { return .jump(near.node) }
        if let furthest = list.last { return .ask(furthest) }
        if let other = nearestAtOrAfterTarget(of: start + known, beside: near) {
            return .ask(other)
        }
        // A node that was alone and has been notified knows one other node.
        if isUsable(near.predecessor, beside: near) { return .ask(near.predecessor) }
        let isAlone = excluded.subtracting([joiner].compactMap { $0 }).isEmpty
        return isAlone ? .found(owner: near, before: near) : .fail
    }

    /// A node is a member, and this is its state.
    package mutating func answered(_ state: RingState) {
        let id = state.node.id
        if hint?.id == id { hint = nil }
        guard !excluded.contains(id) else { return }
        membersSeen.insert(id)
        if id == target {
            beyond = state
        } else if let former = near {
            if id.isBetween(former.node.id, and: target) {
                near = state
            } else if id != former.node.id, isNearer(id) {
                beyond = state
            }
        } else {
            near = state
        }
    }

    /// A node is dead or not a member.
    package mutating func failed(_ id: Identifier) {
        if hint?.id == id { hint = nil }
        excluded.insert(id)
    }

    /// The result of the lookup by the node nearest to the target; nil if it failed.
    package mutating func jumped(to hint: NodeReference?) {
        jumpedFrom = near?.node.id
        guard let hint, let near, isUsable(hint, beside: near), hint.id != beyond?.node.id else {
            return
        }
        self.hint = hint
    }

    // MARK: Nodes worth asking

    private func isUsable(_ node: NodeReference, beside near: RingState) -> Bool {
        node.id != near.node.id && !excluded.contains(node.id)
    }

    /// Whether a node at or after the target is nearer to it than the known one.
    private func isNearer(_ id: Identifier) -> Bool {
        guard let known = beyond?.node.id else { return true }
        guard known != target, id != known else { return false }
        return id == target || id.isBetween(target, and: known)
    }

    private func nearestBeforeTarget(of nodes: [NodeReference]) -> NodeReference? {
        var best: NodeReference?
        for node in nodes where !excluded.contains(node.id) {
            // A node exactly at the target owns it if it is alive.
            if node.id == target, beyond == nil { return node }
            guard node.id != target else { continue }
            if best.map({ node.id.isBetween($0.id, and: target) }) ?? true { best = node }
        }
        return best
    }

    private func nearestAtOrAfterTarget(
        of nodes: [NodeReference],
        beside near: RingState
    ) -> NodeReference? {
        var best: NodeReference?
        for node in nodes where isUsable(node, beside: near) {
            guard target.isIn(after: near.node.id, through: node.id) else { continue }
            if best.map({ node.id.isBetween(near.node.id, and: $0.id) }) ?? true {
                best = node
            }
        }
        return best
    }

    /// A node between the target and the member after it, named by one of the two.
    private func nearer(than beyond: RingState, _ near: RingState) -> NodeReference? {
        ([beyond.predecessor] + near.successors).first { node in
            isUsable(node, beside: near) && isNearer(node.id)
                && target.isIn(after: near.node.id, through: node.id)
        }
    }

    /// A node between the member before the target and the target, named by one of the two.
    private func closer(than near: RingState, _ beyond: RingState) -> NodeReference? {
        let named = [beyond.predecessor] + near.successors.reversed()
        return named.first { node in
            isUsable(node, beside: near) && node.id.isBetween(near.node.id, and: target)
        }
    }
}

extension OwnerSearch.Step {
    fileprivate var isQuestion: Bool {
        switch self {
        case .ask, .jump: true
        case .found, .fail: false
        }
    }
}
