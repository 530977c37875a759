// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// Rectify ("How to Make Chord Correct", section 4), and neighbours that leave.

extension ChordMachine {
    /// A node claims to be our predecessor. The shell has checked that it speaks about itself.
    package mutating func notified(by candidate: NodeReference) -> [Directive] {
        guard phase == .member, candidate.id != node.id else { return [] }
        if operation == nil { return rectify(with: candidate) + startNextOperation() }
        // One operation at a time. Of the waiting candidates the nearest is kept; the others will
        // notify again.
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

    /// Adopts a nearer candidate at once. Before it adopts a farther one, it asks the old
    /// predecessor, because only its death makes room.
    mutating func rectify(with candidate: NodeReference) -> [Directive] {
        if candidate.id == predecessor.id {
            // The same identifier: at most a newer incarnation of the same node.
            guard candidate.incarnation >= predecessor.incarnation else { return [] }
            // A newer incarnation has joined anew. The same one notifies again if an answer was lost.
            if candidate.incarnation > predecessor.incarnation { formerPredecessor = nil }
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
            guard former.id != node.id else { return directives }
            formerPredecessor = former
            // The former predecessor has a new successor, and would otherwise learn of it only with
            // its next question.
            return directives + [.nudge(former)]
        }
        return starting(.rectify(nextToken(), candidate: candidate), asking: predecessor)
    }

    /// Whether the claim of a node that has notified us is still undecided.
    package func isConsidering(_ id: Identifier) -> Bool {
        if waitingCandidate?.id == id { return true }
        if case .rectify(_, let candidate) = operation { return candidate.id == id }
        return false
    }

    /// The successor reports that its state has changed.
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
            // The old predecessor is alive and nearer. The candidate learns of it with its next
            // question.
            return [.nudge(candidate)]
        case .unreached:
            // The old predecessor is alive too; only this node cannot reach it.
            return [.nudge(candidate)]
        case .busy:
            return []
        case .dead, .notMember, .state:
            return adopt(candidate)
        }
    }

    /// A predecessor that was taken for dead owns its range no longer: it has given it up, or the time of its
    /// claim is over.
    package mutating func released(by id: Identifier) -> [Directive] {
        guard formerOwners.contains(where: { $0.id == id }) else { return [] }
        return changing(.rectified) { machine, _ in
            machine.formerOwners.removeAll { $0.id == id }
        }
    }

    /// The predecessor that a leaver has named is gone too, or would have notified this node by now.
    mutating func heirIsGone(_ id: Identifier) -> [Directive] {
        guard heir?.id == id else { return [] }
        return changing(.rectified) { machine, _ in machine.heir = nil }
    }

    mutating func tickHeir() -> [Directive] {
        guard let heir else { return [] }
        heirTicks += 1
        return heirTicks < configuration.heirTicks ? [] : heirIsGone(heir.id)
    }

    /// Whether nobody but the predecessor may own a part of what lies up to it, as far as this node knows.
    ///
    /// While that is open, the predecessor is not told that it is taken: what it owns would be a guess.
    package var isPredecessorDefinite: Bool {
        formerOwners.isEmpty && !(heir?.id.isBetween(predecessor.id, and: node.id) ?? false)
    }

    /// The live node that the range of a predecessor without a range does not begin before: the one that it has
    /// replaced, or the one that a leaver has named.
    package var nodeBeforePredecessor: NodeReference? {
        let space = parameters.space
        return [formerPredecessor, heir].compactMap(\.self)
            .filter { $0.id.isBetween(node.id, and: predecessor.id) }
            .min {
                space.distance(from: $0.id, to: predecessor.id)
                    < space.distance(from: $1.id, to: predecessor.id)
            }
    }

    /// The predecessor is taken for dead, and may still own its range. Until another node has its place this
    /// changes nothing.
    mutating func keepRange(of owner: NodeReference) {
        let space = parameters.space
        formerOwners.removeAll { $0.id == owner.id }
        formerOwners.append(owner)
        formerOwners.sort {
            space.distance(from: $0.id, to: node.id) < space.distance(from: $1.id, to: node.id)
        }
    }

    /// The head has taken this node in place of `former`. Other nodes may have joined before the head since
    /// this node was told its place: what lies up to `former` is theirs.
    ///
    /// The predecessor is hearsay, as it is when a node joins. The caller has checked its identifier, and that
    /// this node owns nothing yet.
    package mutating func taken(inPlaceOf former: NodeReference) -> [Directive] {
        guard phase == .member, former.id != node.id else { return [] }
        guard former.id.isBetween(predecessor.id, and: node.id) else {
            // A nearer node was taken meanwhile: that node's range does not begin before `former` either.
            let before = formerPredecessor?.id ?? node.id
            if former.id.isBetween(before, and: predecessor.id) { formerPredecessor = former }
            return []
        }
        return changing(.rectified) { machine, _ in
            machine.predecessor = former
            machine.isPredecessorGone = false
        }
    }

    private mutating func adopt(_ candidate: NodeReference) -> [Directive] {
        let directives = changing(.rectified) { machine, _ in
            machine.formerOwners.removeAll { $0.id == candidate.id }
            if machine.heir?.id == candidate.id { machine.heir = nil }
            if machine.isPredecessorGone { machine.table.remove(machine.predecessor.id) }
            machine.predecessor = candidate
            machine.formerPredecessor = nil
            machine.isPredecessorGone = false
            machine.table.refresh(verified: candidate)
        }
        return directives + handOver(to: candidate)
    }

    /// A neighbour leaves: a failure that is known at once. The shell has checked that it speaks
    /// about itself.
    package mutating func neighbourLeft(_ leaveNotice: LeaveNotice) -> [Directive] {
        let leaver = leaveNotice.state.node
        guard phase == .member, leaver.id != node.id else { return [] }
        // The Leave of an earlier incarnation may arrive after the node has returned.
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
        if formerPredecessor?.id == leaver.id { formerPredecessor = nil }
        remember(leaveNotice.lost.prefix(LeaveNotice.lostLimit))
        merging.lost.remove(leaver.id)
        directives += released(by: leaver.id)
        directives += heirIsGone(leaver.id)
        if predecessor.id == leaver.id {
            isPredecessorGone = true
            let before = leaveNotice.state.predecessor
            if before.id != leaver.id, before.id.isBetween(node.id, and: leaver.id) {
                (heir, heirTicks) = (before, 0)
            }
            if successors.head == nil {
                directives += changing(.left) { machine, _ in
                    machine.predecessor = machine.node
                    machine.isPredecessorGone = false
                }
            }
        }
        return directives
    }

    /// A failed call suggests that a node is dead. Lookups avoid it. If it is a successor or the
    /// predecessor, a round checks it soon. Only operations remove nodes from the list.
    package mutating func suspect(_ id: Identifier) -> [Directive] {
        guard phase == .member else { return [] }
        let isNeighbour = successors.contains(id) || predecessor.id == id
        if let node = ([predecessor] + table.entries).first(where: { $0.id == id }) { lose(node) }
        // A successor is entered again at once as the list has it. It may be listed with another
        // address by another implementation, whose lists have no incarnation.
        var directives = changing(.failed) { machine, _ in machine.table.remove(id) }
        if isNeighbour { wantRound(&directives) }
        return directives
    }
}
