// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// Rings that start with at least r + 1 members, where the proof begins ("How to Make Chord
// Correct", section 4: the initial ring is ideal). Until all founders are known, no node is a
// member. From then on all are members with right pointers.

extension ChordMachine {
    /// Waits for the other founders. A member that queries this node in the meantime is answered
    /// "busy" and not "not a member", because it may know that the ring has begun before this node
    /// does.
    package mutating func beginFounding() -> [Directive] {
        guard phase == .notJoined else { return [] }
        phase = .founding
        return [.publish]
    }

    /// Gives up founding: the ring exists already and will be joined.
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
