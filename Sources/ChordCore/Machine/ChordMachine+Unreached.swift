// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// Members that this node cannot reach while other members can: one broken link is not a death.
//
// "How to Make Chord Correct" covers failures, not broken links. A node that takes a live head for dead gives
// the head's range to the next member in its own lookups, and is contradicted by that member, which names the
// head as its predecessor: two owners for one key. So the head stays at the front of the list, the next member
// that can be reached is asked in its place, and the rest of the list is that member's. The next member
// decides: where it does not name the head any more, the head is out of the ring, and is dropped.

extension ChordMachine {
    /// Keeps the head because other members can reach it. No lookup is forwarded to it.
    mutating func markUnreached(_ head: NodeReference) -> [Directive] {
        changing(.stabilized) { machine, _ in machine.unreachedHead = head }
    }

    /// Asks the first entry of the list after those that cannot be reached. If there is none, they
    /// stay.
    mutating func askPast(_ unreached: [NodeReference]) -> [Directive] {
        guard
            let next = successors.entries.first(where: { entry in
                !unreached.contains { $0.id == entry.id }
            })
        else { return [] }
        let token = nextToken()
        return starting(.stabilizePast(token, unreached: unreached, next: next), asking: next)
    }

    /// Takes the answer of the entry after those that cannot be reached.
    mutating func nextAnswered(
        _ answer: StateAnswer,
        unreached: [NodeReference],
        next: NodeReference
    ) -> [Directive] {
        // A Leave, or a member that was accepted, may have changed the list in the meantime.
        let asked = (unreached + [next]).map(\.id)
        guard successors.entries.prefix(asked.count).map(\.id) == asked else { return [] }
        switch answer {
        case .busy: return []
        case .unreached: return askPast(unreached + [next])
        case .state(let state) where state.node.id == next.id:
            return keep(unreached, before: state)
        case .dead, .notMember, .state:
            let directives = changing(.failed) { machine, _ in
                machine.table.remove(next.id)
                machine.successors.remove(next.id)
            }
            return directives + askPast(unreached)
        }
    }

    /// The entries that cannot be reached stay if the member after them confirms them. The rest of
    /// the list comes from that member.
    private mutating func keep(
        _ unreached: [NodeReference],
        before state: RingState
    ) -> [Directive] {
        let predecessor = state.predecessor.id
        let kept = unreached.prefix {
            // The member's predecessor is this entry, or one after it.
            predecessor == $0.id || predecessor.isBetween($0.id, and: state.node.id)
        }
        guard !kept.isEmpty else {
            let directives = changing(.failed) { machine, _ in
                for entry in unreached.dropFirst() {
                    machine.table.remove(entry.id)
                    machine.successors.remove(entry.id)
                }
            }
            return directives + dropHead(cause: .failed)
        }
        return changing(.stabilized) { machine, _ in
            machine.successors = SuccessorList(
                of: machine.node.id,
                from: kept + [state.node] + state.successors,
                limit: machine.limit
            )
        }
    }

    /// A member between this node and its head becomes the head if the head names it, even if this
    /// node cannot reach it.
    mutating func keepUnreached(_ candidate: NodeReference) -> [Directive] {
        changing(.stabilized) { machine, _ in
            machine.unreachedHead = candidate
            machine.successors = SuccessorList(
                of: machine.node.id,
                head: candidate,
                rest: machine.successors.entries,
                limit: machine.limit
            )
        }
    }
}
