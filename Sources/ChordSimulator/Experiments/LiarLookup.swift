// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

/// What a liar answers.
enum Lie: CaseIterable {
    /// It is the owner itself.
    case itself
    /// The liar that comes first at or after the key is the owner.
    case accomplice
    /// The owner is a node that does not exist, under a name whose place is right after the key. Such a name
    /// is found by trying some.
    case invented
    /// The owner is a node that does not exist, and its place is elsewhere.
    case misplaced
    /// The owner is the right one, and its list is of nodes that do not exist.
    case lists
    /// An error.
    case errors
    /// Headers, and then nothing.
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

/// How lookups are done.
enum LiarMode: CaseIterable {
    /// Every answer is taken; an error or a silence ends the lookup.
    case unchecked
    /// As nodes do it.
    case checked
    /// As nodes do it where the owner is to be verified.
    case verified
}

/// One lookup in a ring with liars. It uses the values by which nodes decide: ``LookupMachine``,
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

    /// The ways of a verified lookup, and the share of the time left that one answer gets, as nodes have
    /// them by default.
    static let ways = 3
    private static let answerShare = 0.7
    /// The deadline, and the least time that is divided, in milliseconds.
    private static let deadline = 5000.0
    private static let floor = 100.0

    let key: Identifier
    let ring: IdealRing
    let liars: Set<Int>
    let lie: Lie

    private var check: AnswerCheck {
        // Every real node stands in its place.
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

    /// What a node makes of an answer; nil where it asks the next best.
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

    /// What a node says of itself; nil of one that does not exist. A liar says that the key is its own.
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
