// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore

/// Whether a ring that is left alone has become what it should be, computed from the members'
/// identifiers and nothing else.
package enum IdealChecker {
    /// What keeps the ring from being ideal: a predecessor, a list, an outdated reference or a finger
    /// that is not right. Empty when nothing does; at most `limit` are named.
    package static func flaws(in ring: RingSnapshot, limit: Int = 5) -> [String] {
        var flaws: [String] = []
        for index in ring.members.indices {
            flaws += neighbourFlaws(of: index, in: ring)
            if flaws.count >= limit { return Array(flaws.prefix(limit)) }
        }
        if !flaws.isEmpty { return flaws }
        for member in ring.members {
            flaws += wrongFingers(of: member, in: ring)
            if flaws.count >= limit { return Array(flaws.prefix(limit)) }
        }
        return flaws
    }

    /// Whether predecessors and lists are right; fingers may not be.
    package static func hasRightNeighbours(_ ring: RingSnapshot) -> Bool {
        ring.members.indices.allSatisfy { neighbourFlaws(of: $0, in: ring).isEmpty }
    }

    private static func neighbourFlaws(of index: Int, in ring: RingSnapshot) -> [String] {
        let count = ring.members.count
        let member = ring.members[index]
        let name = member.node.name
        let right = (0..<min(ring.successorCount, count - 1)).map {
            ring.members[(index + 1 + $0) % count].node
        }
        var flaws: [String] = []
        // Whole references are compared: an entry of a former life at the right place is not right.
        if member.successors != right {
            flaws.append(
                "\(name) lists \(member.successors.map(\.name)) instead of \(right.map(\.name))"
            )
        }
        let predecessor = ring.members[(index + count - 1) % count].node
        if member.predecessor != predecessor {
            flaws.append(
                "\(name) has predecessor \(member.predecessor.name) instead of \(predecessor.name)"
            )
        }
        return flaws
    }

    private static func wrongFingers(of member: RoutingView, in ring: RingSnapshot) -> [String] {
        let space = member.parameters.space
        var flaws: [String] = []
        for exponent in 0..<space.width {
            let target = space.adding(member.node.id, powerOfTwo: exponent)
            let finger = member.table.finger(exponent) ?? member.node
            if let owner = ring.owner(of: target), finger != owner {
                flaws.append(
                    "finger \(exponent) of \(member.node.name) is \(finger.name) instead of "
                        + "\(owner.name)"
                )
            }
        }
        return flaws
    }

    // MARK: What follows for who uses the ring

    /// Where the members' ranges leave a gap or overlap. Empty when they cover the circle exactly once.
    package static func rangeFlaws(in ring: RingSnapshot) -> [String] {
        let count = ring.members.count
        return ring.members.indices.compactMap { index in
            let range = ring.members[index].range
            let before = ring.members[(index + count - 1) % count].node.id
            if range.lowerBound == before, range.upperBound == ring.members[index].node.id {
                return nil
            }
            return "\(ring.members[index].node.name) owns \(range), and the member before it is at "
                + "\(before)"
        }
    }

    /// A lookup over the views as they are, hop by hop, as recursive lookups go.
    ///
    /// - Returns: who answered with which owner, or why nobody did; and the number of forwardings.
    package static func lookUp(
        _ target: Identifier,
        from start: RoutingView,
        view: (NodeReference) -> RoutingView?
    ) -> (outcome: Result<NodeReference, LookupFailure>, hops: Int) {
        let found = walk(target, from: start, joiner: nil, view: view)
        return (found.outcome, found.hops)
    }

    /// The same for one that looks for its own place, with the member that answered last.
    static func walk(
        _ target: Identifier,
        from start: RoutingView,
        joiner: NodeReference?,
        view: (NodeReference) -> RoutingView?
    ) -> (outcome: Result<NodeReference, LookupFailure>, last: RoutingView, hops: Int) {
        let budget = LookupMachine.defaultHopBudget(width: start.parameters.space.width)
        var here = start
        var lookup = LookupMachine(target: target, joiner: joiner, hopBudget: budget)
        while true {
            switch lookup.step(in: here) {
            case .answer(let owner): return (.success(owner), here, lookup.hops)
            case .fail(let failure): return (.failure(failure), here, lookup.hops)
            case .ask(let next):
                if let there = view(next), there.isMember {
                    here = there
                    lookup = LookupMachine(
                        target: target,
                        joiner: joiner,
                        hops: lookup.hops + 1,
                        hopBudget: budget
                    )
                } else {
                    lookup.exclude(next.id)
                }
            }
        }
    }
}
