// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

@testable import ChordCore

// What a right ring looks like, computed from the identifiers alone.

extension Ring {
    /// What keeps the ring from being ideal: every list full and right, every predecessor, every
    /// finger; empty when nothing does.
    func flaws() -> [String] {
        let ring = members
        var flaws: [String] = []
        let ids = ring.map(\.reference.id)
        for (index, node) in ring.enumerated() {
            let machine = node.machine
            let others = (ids[(index + 1)...] + ids[..<index])
            let right = Array(others.prefix(parameters.successorCount))
            if machine.successors.entries.map(\.id) != right {
                flaws.append("successors: \(show(node.reference.address))")
            }
            for entry in machine.successors.entries + [machine.predecessor]
            where nodes[entry.address]?.reference != entry {
                flaws.append("outdated \(text(of: entry)): \(show(node.reference.address))")
            }
            if machine.predecessor.id != (others.last ?? node.reference.id) {
                flaws.append("predecessor: \(show(node.reference.address))")
            }
            for exponent in 0..<parameters.space.width {
                let target = parameters.space.adding(node.reference.id, powerOfTwo: exponent)
                let owner = Self.owner(of: target, among: ids)
                let finger = machine.table.finger(exponent)?.id ?? node.reference.id
                if finger != owner {
                    flaws.append("finger \(exponent): \(show(node.reference.address))")
                }
            }
            if machine.isBusy { flaws.append("busy: \(show(node.reference.address))") }
        }
        return flaws
    }

    /// The first of the sorted identifiers at or after the target, around the circle.
    static func owner(of target: Identifier, among ids: [Identifier]) -> Identifier? {
        ids.first { $0 >= target } ?? ids.first
    }

    // MARK: Zave's invariant

    /// A list of a member with its owner in front, as it is or as it will be once an answer arrives.
    private struct ExtendedList {
        var owner: Identifier
        var successors: [Identifier]
        var isInFlight: Bool
    }

    private func extendedLists(among ring: [Node]) -> [ExtendedList] {
        var lists = ring.map {
            ExtendedList(
                owner: $0.reference.id,
                successors: $0.machine.successors.entries.map(\.id),
                isInFlight: false
            )
        }
        for message in queue {
            guard let node = nodes[message.to], node.isUp,
                node.reference.incarnation == message.life
            else { continue }
            let state: RingState
            let isJoin: Bool
            switch message.payload {
            case .answer(_, .state(let answered)) where node.isMember:
                // Rectify does not take the list over.
                guard node.machine.isAskingForList else { continue }
                (state, isJoin) = (answered, false)
            case .answerPlace(.state(let answered)) where node.machine.phase == .outside:
                (state, isJoin) = (answered, true)
            default:
                continue
            }
            let rest = state.successors.filter { $0.id != node.reference.id || !isJoin }
            lists.append(
                ExtendedList(
                    owner: node.reference.id,
                    successors: SuccessorList(
                        of: node.reference.id,
                        from: isJoin ? rest : [state.node] + rest,
                        limit: parameters.successorCount
                    ).entries.map(\.id),
                    isInFlight: true
                )
            )
        }
        return lists
    }

    /// How the state violates the invariant of "How to Make Chord Correct", answers in flight counted
    /// as applied and as not; empty when it holds.
    func violations(without dead: Set<String> = []) -> [String] {
        let ring = members.filter { !dead.contains($0.reference.address) }
        let live = ring.map(\.reference.id)
        let lists = extendedLists(among: ring).filter { list in
            !members.contains {
                $0.reference.id == list.owner && dead.contains($0.reference.address)
            }
        }
        var violations: [String] = []
        var isPrincipal = Array(repeating: true, count: live.count)
        for list in lists {
            let owner = text(of: list.owner) + (list.isInFlight ? " (in flight)" : "")
            if !list.successors.contains(where: live.contains) {
                violations.append("\(owner) has no live successor")
            }
            if list.successors.contains(list.owner) { violations.append("\(owner) lists itself") }
            let extended = [list.owner] + list.successors
            for (first, second) in zip(extended, extended.dropFirst()) {
                if first != list.owner, !second.isBetween(first, and: list.owner) {
                    violations.append("\(owner) is out of order")
                }
                for index in live.indices where live[index].isBetween(first, and: second) {
                    isPrincipal[index] = false
                }
            }
        }
        let principals = isPrincipal.count { $0 }
        if principals < parameters.successorCount + 1 {
            violations.append("only \(principals) principals")
        }
        return violations
    }
}

extension ChordMachine {
    /// Whether the answer that the machine waits for replaces its successor list.
    fileprivate var isAskingForList: Bool {
        switch operation {
        case .stabilizeFromSuccessor, .stabilizeFromPredecessor: true
        case .rectify, nil: false
        }
    }
}
