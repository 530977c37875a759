// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// Lookups that do not trust a single node.
//
// A recursive lookup is as honest as every node on its way. Here the asker goes itself, several times, and
// no two ways have a node in common: the second way is told to avoid the nodes of the first. The ways end
// at different members before the target, because a successor list names the owner to several of them. Each
// way names an owner; the owners are asked themselves, the nearest to the target first, and the first one
// that is a member and says that the target is its own is the answer.

/// Finds the owner of an identifier over several ways that share no node, and has the owner confirm it. A
/// value: the caller makes the calls, and answers `ask` with one of `answered` and `failed`, and `confirm`
/// with one of `confirmed` and `denied`.
package struct VerifiedSearch: Sendable {
    /// What to do next.
    package enum Step: Hashable, Sendable {
        /// Ask a node for the nodes to ask next, without the excluded ones.
        case ask(NodeReference, excluded: [Identifier])
        /// Ask a node that was named as the owner for its state.
        case confirm(NodeReference)
        /// No node that was named confirmed.
        case fail
    }

    /// The owner, and how it was found.
    package struct Outcome: Hashable, Sendable {
        /// The owner's own state.
        package var owner: RingState
        /// The nodes of the first way that named the owner, first to last.
        package var path: [NodeReference]
        /// How many ways named an owner.
        package var ways: Int
        /// How many of them named the owner.
        package var agreeing: Int
        /// Nodes that were named as the owner and are not: they are dead, no members, or own something else.
        package var refuted: [NodeReference]
    }

    private struct Claim {
        var owner: NodeReference
        var paths: [[NodeReference]]
    }

    /// How many owners are asked at the most.
    private static let confirmationLimit = 8
    /// How many nodes one way may ask.
    private static let wayLimit = 32

    private let check: AnswerCheck
    private var waysLeft: Int
    /// Nodes that a way may begin with.
    private var starts: [NodeReference]
    /// Nodes that were asked: no two ways share one.
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
    ///   - starts: nodes that the asker knows. The more of them are its own choice, the less one liar can do.
    ///   - ways: how many ways to go.
    ///   - named: nodes that successor lists name as the owner: the asker's own, or those of its contacts.
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

    /// The identifier that is looked up.
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
        // Nearest first: an honest owner that any way has found comes before all nodes behind it.
        let next = claims.filter { !tried.contains($0.owner.id) }
            .min { check.isNearer($0.owner.id, than: $1.owner.id) }
        guard let next, confirmations < Self.confirmationLimit else { return .fail }
        return .confirm(next.owner)
    }

    /// Goes no further ways: the time is needed to ask the owners.
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

    /// The node that was asked knows the owner, or the nodes to ask next. An answer that contradicts itself
    /// counts as none.
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
            // The remaining nodes of the former step stay as alternatives.
            candidates = nearer + candidates.filter { old in !nearer.contains { $0.id == old.id } }
            // Nodes that this way does not need may begin another.
            starts += nearer.dropFirst()
            return
        }
        // An iterative step is answered by the node that was asked, and by no other.
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

    /// A node that was named as the owner is a member, and this is its state.
    ///
    /// - Returns: the outcome, where it is the owner.
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

    /// A node that was named as the owner does not answer as a member of that name.
    package mutating func denied(_ node: NodeReference) {
        confirmations += 1
        tried.append(node.id)
        refuted.append(node)
    }
}
