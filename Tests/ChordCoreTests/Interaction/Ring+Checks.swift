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
            if machine.view.range.lowerBound != machine.predecessor.id {
                flaws.append("range: \(show(node.reference.address))")
            }
            if machine.isBusy { flaws.append("busy: \(show(node.reference.address))") }
        }
        return flaws.isEmpty ? wrongFingers() : flaws
    }

    private func wrongFingers() -> [String] {
        let ring = members
        let ids = ring.map(\.reference.id)
        var flaws: [String] = []
        for node in ring {
            for exponent in 0..<parameters.space.width {
                let target = parameters.space.adding(node.reference.id, powerOfTwo: exponent)
                let finger = node.machine.table.finger(exponent)?.id ?? node.reference.id
                if finger != Self.owner(of: target, among: ids) {
                    flaws.append("finger \(exponent): \(show(node.reference.address))")
                }
            }
        }
        return flaws
    }

    /// The first of the sorted identifiers at or after the target, around the circle.
    static func owner(of target: Identifier, among ids: [Identifier]) -> Identifier? {
        var low = 0
        var high = ids.count
        while low < high {
            let middle = (low + high) / 2
            if ids[middle] < target { low = middle + 1 } else { high = middle }
        }
        return low < ids.count ? ids[low] : ids.first
    }

    // MARK: Zave's invariant

    /// A list of a member with its owner in front, as it is or as it will be once a message arrives.
    private struct ExtendedList {
        var owner: UInt64
        var successors: [UInt64]
        var isInFlight: Bool
    }

    private var extendedLists: [ExtendedList] {
        var lists: [ExtendedList] = []
        func add(_ machine: ChordMachine, isInFlight: Bool) {
            guard machine.phase == .member else { return }
            lists.append(
                ExtendedList(
                    owner: machine.node.id.word3,
                    successors: machine.successors.entries.map(\.id.word3),
                    isInFlight: isInFlight
                )
            )
        }
        for node in nodes.values where node.isUp { add(node.machine, isInFlight: false) }
        for message in queue {
            guard let node = nodes[message.to], node.isUp else { continue }
            var machine = node.machine
            switch message.payload {
            case .answer(let token, let answer) where node.reference.incarnation == message.life:
                _ = machine.receive(answer, for: token)
            case .joinAnswer(let token, let reply) where machine.phase == .notJoined:
                guard var joining = node.joining,
                    case .join(let state)? =
                        joining.receive(reply.answer, for: token, now: now).last,
                    machine.join(after: state) != nil
                else { continue }
            case .leave(let leaveNotice):
                _ = machine.neighbourLeft(leaveNotice)
            default:
                continue
            }
            if machine.successors != node.machine.successors { add(machine, isInFlight: true) }
        }
        return lists
    }

    /// How the state violates the invariant of "How to Make Chord Correct", answers in flight
    /// counted as applied and as not. Empty when it holds.
    func violations() -> [String] {
        let live = members.map(\.reference.id.word3)
        let isLive = Set(live)
        var violations: [String] = []
        // How many arcs between adjacent entries pass over each live node, as differences.
        var passing = Array(repeating: 0, count: live.count + 1)
        for list in extendedLists {
            let owner = list.owner
            let name = "\(owner)" + (list.isInFlight ? " (in flight)" : "")
            if !list.successors.contains(where: isLive.contains) {
                violations.append("\(name) has no live successor")
            }
            var last = owner
            for next in list.successors {
                if next == owner { violations.append("\(name) lists itself") }
                if last != owner, next &- owner <= last &- owner {
                    violations.append("\(name) is out of order")
                }
                let start = Self.firstIndex(in: live, after: last)
                let end = Self.firstIndex(in: live, atLeast: next)
                if last < next {
                    passing[start] += 1
                    passing[end] -= 1
                } else {
                    passing[start] += 1
                    passing[live.count] -= 1
                    passing[0] += 1
                    passing[end] -= 1
                }
                last = next
            }
        }
        var depth = 0
        var principals = 0
        for difference in passing.dropLast() {
            depth += difference
            if depth == 0 { principals += 1 }
        }
        if principals < parameters.successorCount + 1 {
            violations.append("only \(principals) principals")
        }
        return violations
    }

    private static func firstIndex(in sorted: [UInt64], atLeast value: UInt64) -> Int {
        var low = 0
        var high = sorted.count
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private static func firstIndex(in sorted: [UInt64], after value: UInt64) -> Int {
        let index = firstIndex(in: sorted, atLeast: value)
        return index < sorted.count && sorted[index] == value ? index + 1 : index
    }
}
