// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// StabilizeFromSuccessor and StabilizeFromPredecessor ("How to Make Chord Correct", section 4).

extension ChordMachine {
    /// An interval has passed: does a round, and refills the bucket of prompt rounds.
    package mutating func tick() -> [Directive] {
        promptTokens = min(configuration.promptCapacity, promptTokens + configuration.promptRefill)
        quietTicks += 1
        return tickHeir() + round()
            + (phase == .member ? startPlaceSearchIfDue() + startRivalSearchIfDue() : [])
    }

    /// Does one maintenance round: stabilization, and a finger pass if one is due. During an
    /// operation the round waits for its end.
    package mutating func round() -> [Directive] {
        guard phase == .member else { return [] }
        var directives = startFingerPassIfDue()
        if operation != nil {
            isRoundWaiting = true
        } else {
            directives += startStabilization()
        }
        return directives
    }

    mutating func startStabilization() -> [Directive] {
        if let head = successors.head {
            let token = nextToken()
            return starting(.stabilizeFromSuccessor(token, head: head), asking: head)
        }
        // A lone node is its own successor and has no node to ask.
        guard predecessor.id != node.id else { return [] }
        return starting(
            .stabilizeFromPredecessor(nextToken(), candidate: predecessor, head: nil),
            asking: predecessor
        )
    }

    /// Takes the answer to a question. An answer with a stale token changes nothing.
    ///
    /// - Parameter mayOwnRange: whether a dead node may still own its range, because it may be alive and
    ///   only be cut off. Its range is taken over by ``released(by:)`` then.
    package mutating func receive(
        _ answer: StateAnswer,
        for token: Token,
        mayOwnRange: Bool = false
    ) -> [Directive] {
        guard phase == .member, let current = operation, current.token == token else { return [] }
        operation = nil
        let asked = peer(askedBy: current)
        var directives: [Directive] = []
        if case .state(let state) = answer, state.node.id == asked.id,
            table.differs(from: state.node)
        {
            directives = changing(.stabilized) { machine, _ in
                machine.table.refresh(verified: state.node)
            }
        }
        let isKept = mayOwnRange && asked.id == predecessor.id
        if isKept { keepRange(of: asked) }
        switch current {
        case .stabilizeFromSuccessor(_, let head):
            directives += headAnswered(answer, head: head)
        case .stabilizeFromPredecessor(_, let candidate, let head):
            directives += candidateAnswered(answer, candidate: candidate, head: head)
        case .rectify(_, let candidate):
            directives += predecessorAnswered(answer, candidate: candidate)
        case .unite(_, let candidate, let head):
            directives += offerAnswered(answer, candidate: candidate, head: head)
        case .stabilizePast(_, let unreached, let next):
            directives += nextAnswered(answer, unreached: unreached, next: next)
        }
        if isKept, predecessor.id == asked.id { directives += released(by: asked.id) }
        if answer == .dead { lose(asked) }
        if case .state(let state) = answer { directives += rivals(in: state) }
        directives += startNextOperation()
        return directives
    }

    /// The node that the present operation asked; nil for a token of another operation.
    package func peer(askedUnder token: Token) -> NodeReference? {
        guard let operation, operation.token == token else { return nil }
        return peer(askedBy: operation)
    }

    /// The node that an operation asked.
    private func peer(askedBy operation: Operation) -> NodeReference {
        switch operation {
        case .stabilizeFromSuccessor(_, let head): head
        case .stabilizeFromPredecessor(_, let candidate, _), .unite(_, let candidate, _): candidate
        case .stabilizePast(_, _, let next): next
        case .rectify: predecessor
        }
    }

    private mutating func headAnswered(
        _ answer: StateAnswer,
        head: NodeReference
    ) -> [Directive] {
        // A Leave may have removed the head while the question was open.
        guard successors.head?.id == head.id else { return [] }
        switch answer {
        case .busy:
            return waitForTick()
        case .dead, .notMember:
            return dropHead(cause: .failed)
        case .unreached:
            return markUnreached(head) + askPast([head])
        case .state(let state):
            guard state.node.id == head.id else { return dropHead(cause: .failed) }
            var directives = changing(.stabilized) { machine, _ in
                machine.unreachedHead = nil
                machine.successors = SuccessorList(
                    of: machine.node.id,
                    head: state.node,
                    rest: state.successors,
                    limit: machine.limit
                )
            }
            let candidate = state.predecessor
            if candidate.id != node.id, candidate.id.isBetween(node.id, and: head.id) {
                let token = nextToken()
                directives += starting(
                    .stabilizeFromPredecessor(token, candidate: candidate, head: state.node),
                    asking: candidate
                )
            } else if !candidate.isSameLife(as: node) {
                directives.append(.notify(state.node))
            }
            return directives
        }
    }

    private mutating func candidateAnswered(
        _ answer: StateAnswer,
        candidate: NodeReference,
        head: NodeReference?
    ) -> [Directive] {
        // "Only if the head is unchanged": otherwise the candidate says nothing about our place.
        guard successors.head?.id == head?.id else { return [] }
        switch answer {
        case .busy:
            return waitForTick()
        case .state(let state) where state.node.id == candidate.id:
            var directives = changing(.stabilized) { machine, _ in
                machine.successors = SuccessorList(
                    of: machine.node.id,
                    head: state.node,
                    rest: state.successors,
                    limit: machine.limit
                )
            }
            if !state.predecessor.isSameLife(as: node) {
                directives.append(.notify(state.node))
            }
            return directives
        case .unreached:
            return keepUnreached(candidate)
        case .dead, .notMember, .state:
            if let head { return [.notify(head)] }
            // The only other node, the predecessor, is gone: this node is the whole ring now.
            return changing(.failed) { machine, _ in
                machine.predecessor = machine.node
                machine.isPredecessorGone = false
            }
        }
    }

    /// Drops the head of the list and continues with the next entry, which is notified at once.
    mutating func dropHead(cause: RingEvent.Cause, rest: [NodeReference] = []) -> [Directive] {
        guard let head = successors.head else { return [] }
        let lost = successors.entries
        var directives = changing(cause) { machine, directives in
            machine.table.remove(head.id)
            machine.successors.remove(head.id)
            machine.successors = machine.successors.preceded(
                by: rest.filter { $0.id != head.id },
                of: machine.node.id,
                limit: machine.limit
            )
            if machine.successors.head == nil { machine.recoverSuccessor(except: head.id) }
            if machine.successors.head == nil {
                if cause == .failed { directives.append(.report(.successorsLost(lost))) }
                // No other node is left: this node owns the whole circle.
                machine.predecessor = machine.node
                machine.isPredecessorGone = false
            }
        }
        if let head = successors.head { directives.append(.notify(head)) }
        return directives
    }

    /// The last successor is gone: the nearest node of the table takes its place. It may be dead or
    /// too far; stabilization corrects that.
    private mutating func recoverSuccessor(except dead: Identifier) {
        var candidates = table.entries.filter { $0.id != dead }
        if predecessor.id != node.id, predecessor.id != dead, !isPredecessorGone,
            !candidates.contains(where: { $0.id == predecessor.id })
        {
            candidates.append(predecessor)
        }
        successors = SuccessorList(of: node.id, from: candidates, limit: limit)
    }

    // MARK: The one operation

    mutating func starting(_ started: Operation, asking peer: NodeReference) -> [Directive] {
        operation = started
        // A former life of this node at another place. This process would answer itself, and in mode
        // `delaying` it would find itself busy for ever.
        guard !isFormerLife(peer) else { return receive(.notMember, for: started.token) }
        let ask = Directive.askState(started.token, peer)
        return configuration.queryMode == .delaying ? [.publish, ask] : [ask]
    }

    /// After an operation: handles the waiting candidate for predecessor, then the waiting round.
    mutating func startNextOperation() -> [Directive] {
        var directives: [Directive] = []
        while operation == nil {
            if let candidate = waitingCandidate {
                waitingCandidate = nil
                directives += rectify(with: candidate)
            } else if let candidate = merging.waitingOffer {
                merging.waitingOffer = nil
                directives += unite(with: candidate)
            } else if isRoundWaiting {
                isRoundWaiting = false
                directives += startStabilization()
            } else {
                return configuration.queryMode == .delaying ? directives + [.publish] : directives
            }
        }
        return directives
    }

    /// A busy node is asked again at the next tick, not at once. Asking at once would keep the
    /// caller busy too. With round trips of a fifth of the interval, all nodes would always be
    /// busy, and nothing would be repaired.
    private func waitForTick() -> [Directive] { [] }
}
