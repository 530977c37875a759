// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore

/// Checks that an undisturbed ring has become ideal. The ideal ring is computed from the members'
/// identifiers only.
package enum IdealChecker {
    /// The differences from the ideal ring: wrong predecessors, lists, fingers or outdated
    /// references. Empty if there are none; at most `limit` are returned.
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

    /// Whether all predecessors and lists are right. Fingers are not checked.
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
        // Whole references are compared, because a reference with an old incarnation is wrong.
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
        // A range that a node may still own is its own until its time is over.
        if member.range.lowerBound != member.predecessor.id {
            flaws.append("\(name) waits for the owner at \(member.range.lowerBound)")
        }
        return flaws
    }

    private static func wrongFingers(of member: RoutingView, in ring: RingSnapshot) -> [String] {
        let space = member.parameters.space
        var flaws: [String] = []
        for exponent in 0..<space.width {
            let target = space.adding(member.node.id, powerOfTwo: exponent)
            let finger = member.table.finger(exponent) ?? member.node
            if let owner = ring.owner(of: target), !isRight(finger, for: owner) {
                flaws.append(
                    "finger \(exponent) of \(member.node.name) is \(finger.name) instead of "
                        + "\(owner.name)"
                )
            }
        }
        return flaws
    }

    /// Whether a finger stands for a node. A reference with an old incarnation is wrong. One with an old address
    /// is not: nothing but a failed call to the old address corrects it.
    private static func isRight(_ finger: NodeReference, for owner: NodeReference) -> Bool {
        finger == owner
            || finger.id == owner.id && finger.name == owner.name && finger.address != owner.address
    }

    // MARK: Consequences for users of the ring

    /// The gaps and overlaps of the members' ranges. Empty if they cover the circle exactly once.
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

    /// A recursive lookup over the present views, hop by hop.
    ///
    /// - Returns: the owner and the answering member, or the failure; and the number of hops.
    package static func lookUp(
        _ target: Identifier,
        from start: RoutingView,
        view: (NodeReference) -> RoutingView?
    ) -> (outcome: Result<NodeReference, LookupFailure>, hops: Int) {
        let found = walk(target, from: start, joiner: nil, view: view)
        return (found.outcome, found.hops)
    }

    /// The same for a joiner, with the member that answered last.
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
