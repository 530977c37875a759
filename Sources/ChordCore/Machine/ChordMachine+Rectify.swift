// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// Rectify ("How to Make Chord Correct", section 4), and neighbours that leave.

extension ChordMachine {
    /// A node says that it may be our predecessor. The shell has checked that it speaks about itself.
    package mutating func notified(by candidate: NodeReference) -> [Directive] {
        guard phase == .member, candidate.id != node.id else { return [] }
        if operation == nil { return rectify(with: candidate) + startNextOperation() }
        // One operation at a time: of those that wait, the nearest is kept. The others notify again.
        if let waiting = waitingCandidate {
            let isNearer = candidate.id.isBetween(waiting.id, and: node.id)
            let isNewer =
                candidate.id == waiting.id && candidate.incarnation >= waiting.incarnation
            if isNearer || isNewer { waitingCandidate = candidate }
        } else {
            waitingCandidate = candidate
        }
        return []
    }

    /// Adopts a nearer candidate without asking; before a farther one, the old predecessor is asked
    /// whether it lives, as only its death makes room.
    mutating func rectify(with candidate: NodeReference) -> [Directive] {
        if candidate.id == predecessor.id {
            // The same place in the ring: at most a newer life of the same node.
            guard candidate.incarnation >= predecessor.incarnation else { return [] }
            return changing(.rectified) { machine, _ in
                machine.predecessor = candidate
                machine.isPredecessorGone = false
                machine.successors.refresh(candidate)
                machine.table.refresh(verified: candidate)
            }
        }
        if isPredecessorGone { return adopt(candidate) }
        if candidate.id.isBetween(predecessor.id, and: node.id) {
            let former = predecessor
            let directives = adopt(candidate)
            // It has a new successor, and would otherwise learn that only with its next question.
            return former.id == node.id ? directives : directives + [.nudge(former)]
        }
        return starting(.rectify(nextToken(), candidate: candidate), asking: predecessor)
    }

    /// Whether the claim of a node that has notified us is still undecided.
    package func isConsidering(_ id: Identifier) -> Bool {
        if waitingCandidate?.id == id { return true }
        if case .rectify(_, let candidate) = operation { return candidate.id == id }
        return false
    }

    /// The successor says that what it answered before has changed.
    package mutating func nudged(by id: Identifier) -> [Directive] {
        guard phase == .member, id == (successors.head ?? predecessor).id, id != node.id else {
            return []
        }
        var directives: [Directive] = []
        wantRound(&directives)
        return directives
    }

    mutating func predecessorAnswered(
        _ answer: StateAnswer,
        candidate: NodeReference
    ) -> [Directive] {
        switch answer {
        case .state(let state) where state.node.id == predecessor.id:
            // The old predecessor is alive and nearer; the candidate learns that with its next question.
            return [.nudge(candidate)]
        case .unreached:
            // It is alive, too; only this node cannot reach it.
            return [.nudge(candidate)]
        case .busy:
            return []
        case .dead, .notMember, .state:
            return adopt(candidate)
        }
    }

    private mutating func adopt(_ candidate: NodeReference) -> [Directive] {
        let directives = changing(.rectified) { machine, _ in
            if machine.isPredecessorGone { machine.table.remove(machine.predecessor.id) }
            machine.predecessor = candidate
            machine.isPredecessorGone = false
            machine.table.refresh(verified: candidate)
        }
        return directives + handOver(to: candidate)
    }

    /// A neighbour says that it leaves: a failure that is known at once. The shell has checked that it speaks
    /// about itself.
    package mutating func neighbourLeft(_ leaveNotice: LeaveNotice) -> [Directive] {
        let leaver = leaveNotice.state.node
        guard phase == .member, leaver.id != node.id else { return [] }
        // The Leave of a former life may arrive after the node has come back.
        let known = [predecessor] + successors.entries + table.entries
        guard !known.contains(where: { $0.id == leaver.id && $0.incarnation > leaver.incarnation })
        else { return [] }
        var directives: [Directive] = []
        if successors.head?.id == leaver.id {
            directives += dropHead(cause: .left, rest: leaveNotice.state.successors)
        } else {
            directives += changing(.left) { machine, _ in
                machine.table.remove(leaver.id)
                machine.successors.remove(leaver.id)
            }
        }
        if waitingCandidate?.id == leaver.id { waitingCandidate = nil }
        remember(leaveNotice.lost.prefix(LeaveNotice.lostLimit))
        merging.lost.remove(leaver.id)
        if predecessor.id == leaver.id {
            isPredecessorGone = true
            if successors.head == nil {
                directives += changing(.left) { machine, _ in
                    machine.predecessor = machine.node
                    machine.isPredecessorGone = false
                }
            }
        }
        return directives
    }

    /// A call to a node failed in a way that makes its death likely: lookups avoid it, and if it is a
    /// successor or the predecessor, a round checks it soon. Only operations take nodes out of the list.
    package mutating func suspect(_ id: Identifier) -> [Directive] {
        guard phase == .member else { return [] }
        let isNeighbour = successors.contains(id) || predecessor.id == id
        if let node = ([predecessor] + table.entries).first(where: { $0.id == id }) { lose(node) }
        // A successor comes back at once, as the list knows it: that may be at another address, where a
        // list of another implementation does not name its incarnation.
        var directives = changing(.failed) { machine, _ in machine.table.remove(id) }
        if isNeighbour { wantRound(&directives) }
        return directives
    }
}
