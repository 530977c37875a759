// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// The choice among the places of a joiner, in rings that give each node several.
//
// All places are looked up together, so the choice costs k lookups and the time of the slowest. A node that was
// a member before takes its former place back, because its data belongs there, and so do the references to it
// that others still have. Any other node takes the place whose smaller side is largest.

extension JoinMachine {
    /// What a lookup has found at one of this node's places.
    package enum PlaceAnswer: Sendable {
        /// The member before the place, and its list.
        case after(NodeReference, successors: [NodeReference])
        /// A node on the way stands at the place itself.
        case taken
        /// The lookup failed.
        case failed(JoinError)
    }

    /// The lookups of all places have ended. Nodes of this node's name are asked first whether they are alive:
    /// a live one keeps the name.
    mutating func found(
        _ answers: [PlaceAnswer],
        at places: [NodeReference],
        _ now: Duration
    ) -> [JoinDirective] {
        // Another node's statement does not count: the owner of the place must confirm itself.
        if let index = answers.firstIndex(where: \.isTaken) {
            var answers = answers
            answers[index] = .failed(.ringChanged)
            return askOwner(of: places[index].id, then: .choosePlace(places, answers))
        }
        return refuseHolder(
            among: namesakes(in: answers),
            now,
            then: .choosePlace(places, answers)
        )
    }

    /// The nodes of this node's name in the lists, the newest first.
    private func namesakes(in answers: [PlaceAnswer]) -> [NodeReference] {
        answers.flatMap(\.successors).filter { $0.name == node.name && judge.isPlaced($0) }
            .sorted { $0.outranks($1) }
    }

    /// No node of this node's name is alive.
    mutating func choose(
        among places: [NodeReference],
        _ answers: [PlaceAnswer],
        _ now: Duration
    ) -> [JoinDirective] {
        let former = past.placeIndex ?? namesakes(in: answers).first?.placeIndex
        if let former, places.indices.contains(former), isFree(places[former], answers[former]) {
            return take(places[former], answers[former], now)
        }
        let candidates = places.indices.compactMap { index -> PlaceRule.Candidate? in
            guard case .after(let member, let successors) = answers[index],
                isFree(places[index], answers[index]), judge.isPlaced(member)
            else { return nil }
            let id = places[index].id
            let head = successors.first { $0.id != id } ?? member
            return PlaceRule.Candidate(index: index, id: id, before: member.id, after: head.id)
        }
        guard let best = PlaceRule.best(of: candidates, in: parameters.space) else {
            return fail(answers.lazy.compactMap(\.error).first ?? .ringChanged, now: now)
        }
        return take(places[best.index], answers[best.index], now)
    }

    /// Whether no node of another name stands at a place. A lookup that failed says nothing about it.
    private func isFree(_ place: NodeReference, _ answer: PlaceAnswer) -> Bool {
        !answer.successors.contains { $0.id == place.id && $0.name != place.name }
    }

    /// Stands at another place from now on.
    mutating func move(to place: NodeReference) -> [JoinDirective] {
        guard place.id != node.id || place.placeIndex != node.placeIndex else { return [] }
        node.id = place.id
        node.placeIndex = place.placeIndex
        return [.takePlace(node)]
    }

    private mutating func take(
        _ place: NodeReference,
        _ answer: PlaceAnswer,
        _ now: Duration
    ) -> [JoinDirective] {
        switch answer {
        case .after(let member, let successors):
            return move(to: place) + take(.reachHead(after: member, successors: successors), now)
        case .taken: return fail(.ringChanged, now: now)
        case .failed(let error): return fail(error, now: now)
        }
    }
}

extension JoinMachine.PlaceAnswer {
    fileprivate var isTaken: Bool { if case .taken = self { true } else { false } }

    fileprivate var successors: [NodeReference] {
        if case .after(_, let successors) = self { successors } else { [] }
    }

    fileprivate var error: JoinError? { if case .failed(let error) = self { error } else { nil } }
}
