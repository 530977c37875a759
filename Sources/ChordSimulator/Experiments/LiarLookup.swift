// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

/// The answer of a lying node.
enum Lie: CaseIterable {
    /// It claims to be the owner.
    case itself
    /// It names the first liar at or after the key.
    case accomplice
    /// It names a node that does not exist, with a name whose identifier lies right after the key.
    /// An attacker finds such a name by trying some.
    case invented
    /// It names a node that does not exist, with a wrong identifier for its name.
    case misplaced
    /// It names the right owner, with a successor list of nodes that do not exist.
    case lists
    /// It answers with an error.
    case errors
    /// It sends headers and no answer.
    case silence

    var title: String {
        switch self {
        case .itself: "itself"
        case .accomplice: "another liar"
        case .invented: "invented"
        case .misplaced: "misplaced"
        case .lists: "lists"
        case .errors: "errors"
        case .silence: "silence"
        }
    }
}

/// The protection that lookups use.
enum LiarMode: CaseIterable {
    /// Every answer is accepted; an error or a missing answer ends the lookup.
    case unchecked
    /// The checks that every node makes.
    case checked
    /// A verified lookup.
    case verified
}

/// One lookup in a ring with liars. It uses the values that real nodes use: ``LookupMachine``,
/// ``AnswerCheck`` and ``VerifiedSearch``.
struct LiarLookup {
    enum Outcome {
        case right, turned, failed
    }

    private enum Answer {
        case owner(NodeReference, answering: NodeReference, successors: [NodeReference])
        case error
        case silence
    }

    /// The number of paths of a verified lookup, and the time share of one answer. Both are the
    /// defaults of nodes.
    static let ways = 3
    private static let answerShare = 0.7
    /// The deadline, and the shortest time that is divided further, in milliseconds.
    private static let deadline = 5000.0
    private static let floor = 100.0

    let key: Identifier
    let ring: IdealRing
    let liars: Set<Int>
    let lie: Lie

    private var check: AnswerCheck {
        // All real nodes are at their right identifiers.
        AnswerCheck(of: key) { !$0.name.hasPrefix("misplaced") }
    }

    func run(from start: Int, _ mode: LiarMode) -> Outcome {
        let view = ring.members[start]
        if mode == .verified { return verify(from: view) }
        let budget = LookupMachine.defaultHopBudget(width: ring.space.width)
        let machine = LookupMachine(target: key, hopBudget: budget)
        switch answer(of: view, machine, Self.deadline, isChecking: mode == .checked) {
        case .owner(let owner, _, let successors):
            return isRight(owner, successors) ? .right : .turned
        case .error, .silence:
            return .failed
        }
    }

    private func isRight(_ owner: NodeReference, _ successors: [NodeReference]) -> Bool {
        isReal(owner) && ring.index(of: owner) == ring.owner(of: key)
            && successors.allSatisfy(isReal)
    }

    private func isReal(_ node: NodeReference) -> Bool { node.address != Self.nowhere }

    // MARK: Forwarding

    private func answer(
        of view: RoutingView,
        _ lookup: LookupMachine,
        _ time: Double,
        isChecking: Bool
    ) -> Answer {
        var lookup = lookup
        var left = time
        while true {
            switch lookup.step(in: view) {
            case .fail:
                return .error
            case .answer(let owner):
                return .owner(owner, answering: view.node, successors: following(owner, in: view))
            case .ask(let peer):
                let share = left <= Self.floor ? left : max(Self.floor, left * Self.answerShare)
                let next = LookupMachine(
                    target: key,
                    hops: lookup.hops + 1,
                    hopBudget: lookup.hopBudget,
                    avoiding: lookup.toAvoid
                )
                let index = ring.index(of: peer)
                let answer =
                    liars.contains(index)
                    ? lying(as: peer)
                    : self.answer(of: ring.members[index], next, share, isChecking: isChecking)
                guard isChecking else { return answer }
                if case .silence = answer { left -= share }
                guard left > 0 else { return .silence }
                if let believed = believed(answer, by: view) { return believed }
                lookup.refuse(peer.id)
            }
        }
    }

    /// The accepted answer; nil if the next best node must be asked.
    private func believed(_ answer: Answer, by view: RoutingView) -> Answer? {
        guard case .owner(let owner, let answering, let successors) = answer,
            check.objection(owner: owner, answering: answering) == nil
        else { return nil }
        let known = view.table.entries + [view.predecessor, view.node]
        guard
            let nearer = check.passedOver(owner: owner, among: known)
        else {
            return .owner(
                owner,
                answering: answering,
                successors: check.placed(successors)
            )
        }
        guard nearer.id != view.node.id, let state = state(of: nearer),
            IdentifierRange(after: state.predecessor.id, through: nearer.id).contains(key)
        else { return nil }
        return .owner(nearer, answering: nearer, successors: state.successors)
    }

    private func following(_ owner: NodeReference, in view: RoutingView) -> [NodeReference] {
        guard owner.id != view.node.id else { return view.successors }
        return Array(view.successors.drop { $0.id != owner.id }.dropFirst())
    }

    // MARK: Lying

    private static let nowhere = "10.9.9.9:1"

    private func invented(_ name: String) -> NodeReference {
        NodeReference(
            id: ring.space.adding(key, powerOfTwo: 0),
            name: name,
            address: Self.nowhere,
            incarnation: 1
        )
    }

    private func lying(as liar: NodeReference) -> Answer {
        switch lie {
        case .itself: .owner(liar, answering: liar, successors: [])
        case .accomplice: .owner(accomplice, answering: liar, successors: [])
        case .invented: .owner(invented("invented"), answering: liar, successors: [])
        case .misplaced: .owner(invented("misplaced"), answering: liar, successors: [])
        case .lists:
            .owner(
                ring.members[ring.owner(of: key)].node,
                answering: ring.members[ring.owner(of: key)].predecessor,
                successors: [invented("misplaced")]
            )
        case .errors: .error
        case .silence: .silence
        }
    }

    private var accomplice: NodeReference {
        let first = ring.owner(of: key) { liars.contains($0) }
        return ring.members[first].node
    }

    // MARK: Verifying

    private func verify(from view: RoutingView) -> Outcome {
        var starts: [NodeReference] = []
        switch view.step(for: key) {
        case .owner(let owner) where owner.id == view.node.id: return .right
        case .owner: break
        case .forward(let candidates): starts = candidates
        case .nameTaken, .exhausted, .notMember: return .failed
        }
        let check = check
        var search = VerifiedSearch(
            check,
            from: starts,
            ways: Self.ways,
            named: check.owner(in: view.successors, of: view.node.id).map { [$0] } ?? []
        )
        while true {
            switch search.step() {
            case .fail:
                return .failed
            case .ask(let node, let excluded):
                ask(node, excluded, &search)
            case .confirm(let node):
                guard let state = state(of: node) else {
                    search.denied(node)
                    continue
                }
                guard let outcome = search.confirmed(node, state) else { continue }
                return isRight(outcome.owner.node, outcome.owner.successors) ? .right : .turned
            }
        }
    }

    private func ask(
        _ node: NodeReference,
        _ excluded: [Identifier],
        _ search: inout VerifiedSearch
    ) {
        guard isReal(node) else { return search.failed(node) }
        let index = ring.index(of: node)
        if liars.contains(index) {
            guard lie != .lists else {
                let invented = [invented("misplaced")]
                return search.answered(node, owner: nil, answering: node, closer: invented)
            }
            guard case .owner(let owner, let answering, _) = lying(as: node) else {
                return search.failed(node)
            }
            return search.answered(node, owner: owner, answering: answering, closer: [])
        }
        switch ring.members[index].step(for: key, excluding: excluded) {
        case .owner(let owner):
            search.answered(node, owner: owner, answering: node, closer: [])
        case .forward(let closer):
            search.answered(node, owner: nil, answering: node, closer: closer)
        case .nameTaken, .exhausted, .notMember:
            search.failed(node)
        }
    }

    /// A node's own state; nil if the node does not exist. A liar claims to own the key.
    private func state(of node: NodeReference) -> RingState? {
        guard isReal(node) else { return nil }
        let index = ring.index(of: node)
        var state = ring.members[index].state
        if liars.contains(index) {
            state.predecessor.id = ring.space.subtracting(key, Identifier(1))
        }
        return state
    }
}
