// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// Lookups that trust no single node.
//
// A recursive lookup is only as honest as every node on its path. Here the caller asks the nodes
// itself, over several paths without a common node: each path avoids the nodes of the others. The
// paths end at different members before the target, because several successor lists contain the
// owner. Each path names an owner. The named owners are asked themselves, the nearest to the target
// first. The result is the first one that is a member and claims the target.

/// Finds the owner of an identifier over several paths without a common node, and lets the owner
/// confirm it. It is a value: the caller makes the calls, and answers `ask` with one of `answered`
/// and `failed`, and `confirm` with one of `confirmed` and `denied`.
package struct VerifiedSearch: Sendable {
    /// The next step.
    package enum Step: Hashable, Sendable {
        /// Ask a node for the nodes to ask next, without the excluded ones.
        case ask(NodeReference, excluded: [Identifier])
        /// Ask a node that was named as the owner for its state.
        case confirm(NodeReference)
        /// No named node confirmed.
        case fail
    }

    /// The owner, and how it was found.
    package struct Outcome: Hashable, Sendable {
        /// The owner's own state.
        package var owner: RingState
        /// The nodes of the first path that named the owner, first to last.
        package var path: [NodeReference]
        /// The number of paths that named an owner.
        package var ways: Int
        /// The number of paths that named this owner.
        package var agreeing: Int
        /// Nodes that were named as the owner and are not: they are dead, not members, or own
        /// another range.
        package var refuted: [NodeReference]
    }

    private struct Claim {
        var owner: NodeReference
        var paths: [[NodeReference]]
    }

    /// The largest number of named owners that are asked.
    private static let confirmationLimit = 8
    /// The largest number of nodes that one path may ask.
    private static let wayLimit = 32

    private let check: AnswerCheck
    private var waysLeft: Int
    /// Nodes that a path may start with.
    private var starts: [NodeReference]
    /// Nodes that were asked; no two paths share one.
    private var asked: [Identifier] = []
    private var candidates: [NodeReference] = []
    private var path: [NodeReference] = []
    private var questions = 0
    private var isUnderWay = false
    private var claims: [Claim] = []
    private var tried: [Identifier] = []
    private var refuted: [NodeReference] = []
    private var confirmations = 0

    /// - Parameters:
    ///   - starts: nodes that the caller knows. A single liar can do less if the caller has chosen
    ///     more of them itself.
    ///   - ways: the number of paths.
    ///   - named: nodes that successor lists name as the owner: the caller's own list, or those of
    ///     its contacts.
    package init(
        _ check: AnswerCheck,
        from starts: [NodeReference],
        ways: Int,
        named: [NodeReference] = []
    ) {
        self.check = check
        self.starts = starts
        waysLeft = ways
        for owner in check.placedOnes(named) { claims.append(Claim(owner: owner, paths: [])) }
    }

    /// The identifier of the lookup.
    package var target: Identifier { check.target }

    /// The next step.
    package mutating func step() -> Step {
        while true {
            if isUnderWay {
                if let next = candidates.first, questions < Self.wayLimit {
                    return .ask(next, excluded: asked)
                }
                isUnderWay = false
            }
            guard waysLeft > 0, let start = takeStart() else { break }
            waysLeft -= 1
            candidates = [start]
            path = []
            questions = 0
            isUnderWay = true
        }
        // Nearest first: an honest owner found by any path precedes all nodes behind it.
        let next = claims.filter { !tried.contains($0.owner.id) }
            .min { check.isNearer($0.owner.id, than: $1.owner.id) }
        guard let next, confirmations < Self.confirmationLimit else { return .fail }
        return .confirm(next.owner)
    }

    /// Starts no further paths: the time is needed to ask the owners.
    package mutating func endWays() {
        waysLeft = 0
        isUnderWay = false
    }

    private mutating func takeStart() -> NodeReference? {
        while !starts.isEmpty {
            let start = starts.removeFirst()
            if !asked.contains(start.id) { return start }
        }
        return nil
    }

    // MARK: Ways

    /// The asked node knows the owner, or the next nodes to ask. An answer that contradicts itself
    /// is ignored.
    package mutating func answered(
        _ node: NodeReference,
        owner: NodeReference?,
        answering: NodeReference,
        closer: [NodeReference]
    ) {
        leave(node)
        guard let owner else {
            let nearer = check.nearer(closer, than: node.id).filter { !asked.contains($0.id) }
            path.append(node)
            // The remaining nodes of the previous step stay as alternatives.
            candidates = nearer + candidates.filter { old in !nearer.contains { $0.id == old.id } }
            // Nodes that this path does not need may start another one.
            starts += nearer.dropFirst()
            return
        }
        // Only the asked node itself may answer an iterative step.
        guard answering.id == node.id,
            check.objection(owner: owner, answering: answering) == nil
        else { return }
        path.append(node)
        claim(owner, by: path)
        isUnderWay = false
    }

    /// The node that was asked gave no answer.
    package mutating func failed(_ node: NodeReference) {
        leave(node)
    }

    private mutating func leave(_ node: NodeReference) {
        questions += 1
        candidates.removeAll { $0.id == node.id }
        if !asked.contains(node.id) { asked.append(node.id) }
    }

    private mutating func claim(_ owner: NodeReference, by path: [NodeReference]) {
        if let index = claims.firstIndex(where: { $0.owner.id == owner.id }) {
            claims[index].paths.append(path)
        } else {
            claims.append(Claim(owner: owner, paths: [path]))
        }
    }

    // MARK: Owners

    /// A node that was named as the owner is a member with this state.
    ///
    /// - Returns: the outcome, if it is the owner.
    package mutating func confirmed(_ node: NodeReference, _ state: RingState) -> Outcome? {
        confirmations += 1
        tried.append(node.id)
        let range = IdentifierRange(after: state.predecessor.id, through: node.id)
        guard state.node.id == node.id, state.node.name == node.name, range.contains(target) else {
            refuted.append(node)
            // It names a nearer node itself.
            let before = state.predecessor
            if check.isNearer(before.id, than: node.id), !check.placed([before]).isEmpty,
                !claims.contains(where: { $0.owner.id == before.id })
            {
                claims.append(Claim(owner: before, paths: []))
            }
            return nil
        }
        let paths = claims.first { $0.owner.id == node.id }?.paths ?? []
        return Outcome(
            owner: state,
            path: paths.first ?? [],
            ways: claims.map(\.paths.count).reduce(0, +),
            agreeing: paths.count,
            refuted: refuted
        )
    }

    /// A named owner does not answer as a member of that name.
    package mutating func denied(_ node: NodeReference) {
        confirmations += 1
        tried.append(node.id)
        refuted.append(node)
    }
}
