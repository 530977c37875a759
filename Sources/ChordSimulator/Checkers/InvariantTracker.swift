// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore

/// Zave's invariant, updated one change at a time, so that it can be checked after every event.
/// Callers number the nodes. The numbers are array indices and should be small.
///
/// It is a value: the effect of a failure is tried on a copy.
package struct InvariantTracker {
    private struct Node {
        var id = Identifier.zero
        var isMember = false
        /// The node's own list, followed by its future lists: one for each message in flight that
        /// will change it.
        var lists: [[Identifier]] = []
        /// The number of arcs between adjacent list entries that pass over this node.
        var passing = 0
        /// The first live entry of the node's own list.
        var best: Int?
    }

    private let successorCount: Int
    private var nodes: [Node] = []
    /// Members in the order of their identifiers.
    private var ids: [Identifier] = []
    private var numbers: [Int] = []
    /// The number of members that no arc passes over.
    package private(set) var principals = 0
    private var isShapeKnown = true

    package init(successorCount: Int) {
        self.successorCount = successorCount
    }

    // MARK: Changes

    /// Replaces the lists of a node: its own if it is a member, and those in flight to it.
    ///
    /// - Returns: the new violations. Earlier ones are not repeated.
    package mutating func update(
        _ number: Int,
        id: Identifier,
        isMember: Bool,
        lists: [[Identifier]]
    ) -> [String] {
        while nodes.count <= number { nodes.append(Node()) }
        let node = nodes[number]
        if node.isMember == isMember, node.lists == lists { return [] }
        let hadEnough = principals > successorCount
        for list in node.lists { count(list, of: number, by: -1) }
        nodes[number].id = id
        nodes[number].lists = lists
        for list in lists { count(list, of: number, by: 1) }
        var violations: [String] = []
        if node.isMember != isMember {
            isShapeKnown = false
            if isMember {
                insert(number)
                nodes[number].isMember = true
            } else {
                nodes[number].isMember = false
                violations += remove(number)
            }
        }
        for list in lists { violations += flaws(of: list, number) }
        findBest(number)
        if hadEnough, principals <= successorCount {
            violations.append(
                "only \(principals) principals, and \(successorCount + 1) are needed"
            )
        }
        return violations + shapeViolations()
    }

    /// Whether the proof admits the failure of a member: every other member keeps a live successor,
    /// and r + 1 principals remain.
    package func admitsFailure(of number: Int) -> Bool {
        guard nodes.indices.contains(number), nodes[number].isMember else { return true }
        var after = self
        let violations = after.update(
            number,
            id: nodes[number].id,
            isMember: false,
            lists: []
        )
        return violations.isEmpty && after.principals > successorCount
    }

    // MARK: Members

    private mutating func insert(_ number: Int) {
        let id = nodes[number].id
        let index = firstIndex(atLeast: id)
        ids.insert(id, at: index)
        numbers.insert(number, at: index)
        var passing = 0
        for other in nodes.indices where other != number {
            for list in nodes[other].lists {
                var last = nodes[other].id
                for entry in list {
                    if id.isBetween(last, and: entry) { passing += 1 }
                    last = entry
                }
            }
        }
        nodes[number].passing = passing
        if passing == 0 { principals += 1 }
        for other in nodes.indices where nodes[other].isMember { findBest(other) }
    }

    private mutating func remove(_ number: Int) -> [String] {
        let id = nodes[number].id
        let index = firstIndex(atLeast: id)
        ids.remove(at: index)
        numbers.remove(at: index)
        if nodes[number].passing == 0 { principals -= 1 }
        var violations: [String] = []
        for other in nodes.indices where other != number {
            for list in nodes[other].lists where list.contains(id) && !hasLiveEntry(list) {
                violations.append("\(nodes[other].id) has no live successor")
            }
            if nodes[other].best == number { findBest(other) }
        }
        return violations
    }

    // MARK: Lists

    private func flaws(of list: [Identifier], _ number: Int) -> [String] {
        var flaws = InvariantChecker.flaws(of: list, owner: nodes[number].id)
        if !hasLiveEntry(list) { flaws.append("\(nodes[number].id) has no live successor") }
        return flaws
    }

    private func hasLiveEntry(_ list: [Identifier]) -> Bool {
        list.contains { id in
            let index = firstIndex(atLeast: id)
            return index < ids.count && ids[index] == id
        }
    }

    private mutating func findBest(_ number: Int) {
        var best: Int?
        if nodes[number].isMember, let own = nodes[number].lists.first {
            for id in own {
                let index = firstIndex(atLeast: id)
                if index < ids.count, ids[index] == id {
                    best = numbers[index]
                    break
                }
            }
        }
        if best != nodes[number].best { isShapeKnown = false }
        nodes[number].best = best
    }

    private mutating func count(_ list: [Identifier], of owner: Int, by change: Int) {
        var last = nodes[owner].id
        for entry in list {
            var index = firstIndex(atLeast: last)
            if index < ids.count, ids[index] == last { index += 1 }
            for _ in ids.indices {
                if index >= ids.count { index = 0 }
                guard ids[index].isBetween(last, and: entry) else { break }
                let number = numbers[index]
                if number != owner {
                    if nodes[number].passing == 0 { principals -= 1 }
                    nodes[number].passing += change
                    if nodes[number].passing == 0 { principals += 1 }
                }
                index += 1
            }
            last = entry
        }
    }

    // MARK: Shape

    private mutating func shapeViolations() -> [String] {
        guard !isShapeKnown else { return [] }
        isShapeKnown = true
        var place = Array(repeating: 0, count: nodes.count)
        for (index, number) in numbers.enumerated() { place[number] = index }
        return RingShape.violations(numbers.map { nodes[$0].best.map { place[$0] } })
    }

    private func firstIndex(atLeast id: Identifier) -> Int {
        var low = 0
        var high = ids.count
        while low < high {
            let middle = (low + high) / 2
            if ids[middle] < id { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
