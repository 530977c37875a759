// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore

/// Zave's invariant over a whole snapshot ("How to Make Chord Correct", and "Reasoning about Identifier
/// Spaces"), with what it implies checked besides, as an implication is only as good as the checker.
/// It costs O(N r log N); ``InvariantTracker`` does the same one change at a time.
package enum InvariantChecker {
    /// How the ring violates the invariant; empty when it holds.
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

    /// What is wrong with a list by itself.
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

    /// The index of each member's first live successor; nil where there is none.
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

/// How many arcs between adjacent entries of extended lists pass over each member, kept as differences
/// between neighbours on the circle: an arc costs two searches, however many it passes over.
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
                // The arc goes past zero.
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

/// The graph of best successors of members in the order of their identifiers: exactly one cycle, once
/// around the circle. As every member with a best successor ends up in some cycle, one cycle means that
/// all appendages are connected to it.
struct RingShape {
    /// Separate rings.
    private(set) var cycles = 0
    /// How often they go around the circle, all together.
    private(set) var turns = 0

    /// - Parameter best: each member's first live successor; nil where there is none.
    init(_ best: [Int?]) {
        // 0: not seen; otherwise the number of the walk that came by first.
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

    /// What is wrong with the shape.
    static func violations(_ best: [Int?]) -> [String] {
        if best.isEmpty { return [] }
        let shape = RingShape(best)
        if shape.cycles != 1 { return ["\(shape.cycles) rings instead of one"] }
        return shape.turns == 1 ? [] : ["the ring goes \(shape.turns) times around the circle"]
    }
}

extension RingSnapshot {
    /// The separate rings, nodes alone included, or the turns of one that is wound around the circle; 0
    /// where nobody is left.
    var ringCount: Int {
        let shape = RingShape(InvariantChecker.bestSuccessors(in: self))
        let alone = members.filter(\.successors.isEmpty).count
        return max(shape.cycles, shape.turns) + alone
    }
}
