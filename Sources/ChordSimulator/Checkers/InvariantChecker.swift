// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore

/// Zave's invariant over a whole snapshot ("How to Make Chord Correct", and "Reasoning about
/// Identifier Spaces"). Properties that the invariant implies are checked too, because they would
/// reveal an error in this checker. The cost is O(N r log N); ``InvariantTracker`` checks one
/// change at a time.
package enum InvariantChecker {
    /// The violations of the invariant; empty if it holds.
    package static func violations(in ring: RingSnapshot) -> [String] {
        var violations: [String] = []
        var passing = PassingArcs(ring)
        for member in ring.members {
            let list = member.successors.map(\.id)
            violations += flaws(of: list, owner: member.node.id)
            if !list.contains(where: ring.contains) {
                violations.append("\(member.node.id) has no live successor")
            }
            passing.add(list, owner: member.node.id)
        }
        for list in ring.pending {
            violations += flaws(of: list.successors, owner: list.owner).map { $0 + " (in flight)" }
            if !list.successors.contains(where: ring.contains) {
                violations.append("\(list.owner) has no live successor (in flight)")
            }
            passing.add(list.successors, owner: list.owner)
        }
        let principals = passing.principals
        if principals < ring.successorCount + 1 {
            violations.append(
                "only \(principals) principals, and \(ring.successorCount + 1) are needed"
            )
        }
        return violations + RingShape.violations(bestSuccessors(in: ring))
    }

    /// The violations that a list shows by itself.
    package static func flaws(of list: [Identifier], owner: Identifier) -> [String] {
        var flaws: [String] = []
        var last = owner
        for (index, entry) in list.enumerated() {
            if entry == owner {
                flaws.append("\(owner) lists itself")
            } else if list[..<index].contains(entry) {
                flaws.append("\(owner) lists \(entry) twice")
            } else if !entry.isBetween(last, and: owner) {
                flaws.append("the list of \(owner) is out of order at \(entry)")
            }
            last = entry
        }
        return flaws
    }

    /// The index of each member's first live successor; nil if there is none.
    static func bestSuccessors(in ring: RingSnapshot) -> [Int?] {
        ring.members.map { member in
            for successor in member.successors {
                let index = ring.firstIndex(atLeast: successor.id)
                if index < ring.members.count, ring.members[index].node.id == successor.id {
                    return index
                }
            }
            return nil
        }
    }
}

/// For each member, the number of arcs between adjacent entries of extended lists that pass over
/// it. The counts are stored as differences between neighbours on the circle, so an arc costs two
/// searches for any number of members that it passes over.
private struct PassingArcs {
    private let ring: RingSnapshot
    private var differences: [Int]

    init(_ ring: RingSnapshot) {
        self.ring = ring
        differences = Array(repeating: 0, count: ring.members.count + 1)
    }

    mutating func add(_ list: [Identifier], owner: Identifier) {
        var last = owner
        for entry in list {
            let start = ring.firstIndex(after: last)
            let end = ring.firstIndex(atLeast: entry)
            differences[start] += 1
            differences[end] -= 1
            if entry <= last {
                // The arc crosses zero.
                differences[ring.members.count] -= 1
                differences[0] += 1
            }
            last = entry
        }
    }

    var principals: Int {
        var depth = 0
        var count = 0
        for difference in differences.dropLast() {
            depth += difference
            if depth == 0 { count += 1 }
        }
        return count
    }
}

/// The graph of best successors, with members in the order of their identifiers. It must be exactly
/// one cycle that goes once around the circle. Every member with a best successor leads to some
/// cycle, so one cycle means that all appendages are connected to it.
struct RingShape {
    /// The number of separate rings.
    private(set) var cycles = 0
    /// The number of times that all cycles together go around the circle.
    private(set) var turns = 0

    /// - Parameter best: each member's first live successor; nil if there is none.
    init(_ best: [Int?]) {
        // 0 for members not visited; else the number of the walk that visited it first.
        var seenBy = Array(repeating: 0, count: best.count)
        for start in best.indices where seenBy[start] == 0 {
            var index = start
            while seenBy[index] == 0 {
                seenBy[index] = start + 1
                guard let next = best[index] else { break }
                index = next
            }
            guard best[index] != nil, seenBy[index] == start + 1 else { continue }
            cycles += 1
            let first = index
            repeat {
                guard let next = best[index] else { break }
                if next <= index { turns += 1 }
                index = next
            } while index != first
        }
    }

    /// The violations that the shape shows.
    static func violations(_ best: [Int?]) -> [String] {
        if best.isEmpty { return [] }
        let shape = RingShape(best)
        if shape.cycles != 1 { return ["\(shape.cycles) rings instead of one"] }
        return shape.turns == 1 ? [] : ["the ring goes \(shape.turns) times around the circle"]
    }
}

extension RingSnapshot {
    /// The number of separate rings, including lone nodes; for a single ring wound around the
    /// circle, the number of its turns. 0 if there are no members.
    var ringCount: Int {
        let shape = RingShape(InvariantChecker.bestSuccessors(in: self))
        let alone = members.filter(\.successors.isEmpty).count
        return max(shape.cycles, shape.turns) + alone
    }
}
