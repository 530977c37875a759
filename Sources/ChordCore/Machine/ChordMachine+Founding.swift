// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// Rings that are born with r + 1 members and more, which is where the proof begins ("How to Make Chord
// Correct", section 4: the initial ring is ideal). Until all founders have been heard of nobody is a
// member; from then on everybody is, with every pointer right.

extension ChordMachine {
    /// Waits for the other founders. A member that asks this node meanwhile is put off rather than told
    /// "not a member": it may have heard that the ring has begun before this node has.
    package mutating func beginFounding() -> [Directive] {
        guard phase == .notJoined else { return [] }
        phase = .founding
        return [.publish]
    }

    /// Gives founding up: the ring exists already and is to be joined.
    package mutating func ceaseFounding() -> [Directive] {
        guard phase == .founding else { return [] }
        phase = .notJoined
        return [.publish]
    }

    /// Takes this node's place in the ring of `founders`, with fingers and all.
    ///
    /// - Parameter founders: all of them, in any order; this node may be among them. For a ring too large
    ///   to go through, the nodes right before and after this one do, as many as a list holds.
    package mutating func found(with founders: some Sequence<NodeReference>) -> [Directive] {
        precondition(
            phase == .notJoined || phase == .founding,
            "found(with:) on a node that is \(phase)"
        )
        let space = parameters.space
        let others = founders.filter { $0.id != node.id }
            .map { (distance: space.distance(from: node.id, to: $0.id), node: $0) }
            .sorted { $0.distance < $1.distance }
        return changing(.joined) { machine, _ in
            machine.phase = .member
            machine.predecessor = others.last?.node ?? machine.node
            machine.successors = SuccessorList(
                of: machine.node.id,
                from: others.lazy.map(\.node),
                limit: machine.limit
            )
            // A finger is the first node at or after a power of two: where the distance gets longer by
            // a bit.
            var bits = 0
            for (distance, founder) in others where distance.bitWidthOfValue > bits {
                bits = distance.bitWidthOfValue
                machine.table.insert(founder)
            }
        }
    }
}
