// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// One attempt to join through one contact.

extension JoinMachine {
    /// The answer that the machine waits for.
    indirect enum Question: Sendable {
        case contact
        case holder(NodeReference, then: Step)
        case place
        case places([NodeReference])
        /// The owner of a place, which then counts as taken.
        case owner(then: Step)
        case head(NodeReference, member: NodeReference)
        case member(NodeReference, head: Identifier)
    }

    /// How an attempt continues once no other node holds the node's place.
    enum Step: Sendable {
        case lookUpPlace
        case choosePlace([NodeReference], [PlaceAnswer])
        case searchPlace(among: [NodeReference])
        case reachHead(after: NodeReference, successors: [NodeReference])
        case takePlace(RingState, head: Identifier)
        case fail
    }

    /// Takes the answer to a question. An answer with a stale token changes nothing.
    package mutating func receive(
        _ answer: Answer,
        for token: Token,
        now: Duration
    ) -> [JoinDirective] {
        guard case .asking(token, let question) = phase else { return [] }
        if case .failed(let error) = answer { return fail(error, now: now) }
        switch (question, answer) {
        case (.contact, .member(let state, let theirs)):
            let adopted = adoption.parameters(parameters, in: theirs)
            if let difference = adopted.difference(from: theirs) {
                return fail(.parametersDiffer(at: contact, difference), now: now)
            }
            hasHeardMember = true
            let changes: [JoinDirective] = adopted == parameters ? [] : [.adopt(adopted)]
            parameters = adopted
            isRingSmall = state.successors.count < parameters.successorCount
            return changes
                + refuseHolder(
                    among: [state.predecessor] + state.successors,
                    now,
                    then: .lookUpPlace
                )
        case (.contact, .members(let members)):
            hasHeardMember = true
            let others = members.filter { $0.id != node.id }
            return refuseHolder(among: members, now, then: .searchPlace(among: others))
        case (.holder(let holder, let step), .state(let answer, _)):
            return holderAnswered(answer, holder, step, now)
        case (.place, .nameTaken):
            // A node on the path may lie and would keep this node out of the ring for good. So the
            // named member is looked up and asked itself.
            return askOwner(of: node.id, then: .fail)
        case (.owner(let step), .owner(let owner)):
            guard let owner, judge.isPlaced(owner) else { return fail(.ringChanged, now: now) }
            return refuseHolder(among: [owner], now, then: step)
        case (.places(let places), .places(let answers)) where places.count == answers.count:
            return found(answers, at: places, now)
        case (.place, .place(let member, let successors)):
            return refuseHolder(
                among: successors,
                now,
                then: .reachHead(after: member, successors: successors)
            )
        case (.head(let head, let member), .state(let answer, let reason)):
            return headAnswered(answer, head, member, reason, now)
        case (.member(let member, let head), .member(let state, let theirs)):
            if let difference = parameters.difference(from: theirs) {
                return fail(.parametersDiffer(at: member.address, difference), now: now)
            }
            return memberAnswered(state, member, head, now)
        case (.member(let member, let head), .state(.state(let state), _)):
            return memberAnswered(state, member, head, now)
        case (.member(let member, _), .state(let answer, _)):
            let message = "\(member) does not tell its state: \(answer.kind)"
            return fail(JoinError(.noContact, message), now: now)
        default:
            return fail(JoinError(.invalidAnswer, "\(contact) answers another question"), now: now)
        }
    }

    /// The longest random wait of a node that joins a small ring. Within it some ten nodes can join one after the
    /// other; a longer one would delay each of them.
    private static let longestSpread = Duration.seconds(1)

    mutating func take(_ step: Step, _ now: Duration) -> [JoinDirective] {
        switch step {
        case .lookUpPlace:
            let contact = contact
            guard parameters.placements > 1 else {
                return ask(.place) { .lookUpPlace($0, via: contact) }
            }
            let places = judge.rule.places(of: node, count: parameters.placements)
            // A node that returns to its former place has no choice.
            let spread = isRingSmall && past.placeIndex == nil
            let limit = min(settings.stabilize, Self.longestSpread)
            return (spread ? [.spread(within: limit)] : [])
                + ask(.places(places)) { .lookUpPlaces($0, via: contact, places: places) }
        case .choosePlace(let places, let answers): return choose(among: places, answers, now)
        case .searchPlace(let members): return ask(.place) { .searchPlace($0, among: members) }
        case .reachHead(let member, let successors):
            guard judge.isPlaced(member) else { return fail(.ringChanged, now: now) }
            let head = head(after: member, judge.admissible(successors))
            if head.id == member.id { return askMember(member, head: head.id) }
            return ask(.head(head, member: member)) { .reachHead($0, head) }
        case .takePlace(let state, let head):
            var state = state
            state.successors = judge.admissible(state.successors)
            // A node has joined or left in the meantime. The head is a different node, which must
            // be reached first.
            guard self.head(after: state.node, state.successors).id == head else {
                return fail(.ringChanged, now: now)
            }
            phase = .taking
            return [.join(after: state)]
        case .fail: return fail(.ringChanged, now: now)
        }
    }

    mutating func askOwner(of id: Identifier, then step: Step) -> [JoinDirective] {
        let contact = contact
        return ask(.owner(then: step)) { .lookUpOwner($0, via: contact, of: id) }
    }

    // MARK: The head, and the member before

    /// This node's successor if it joins after a member.
    private func head(after member: NodeReference, _ successors: [NodeReference]) -> NodeReference {
        successors.first { $0.id != node.id } ?? member
    }

    /// A joiner reaches its head before it becomes a member. Otherwise it would start with a head
    /// that it takes for dead.
    private mutating func headAnswered(
        _ answer: StateAnswer,
        _ head: NodeReference,
        _ member: NodeReference,
        _ reason: String,
        _ now: Duration
    ) -> [JoinDirective] {
        switch answer {
        case .state(let state) where state.node.name == head.name:
            return askMember(member, head: head.id)
        case .busy: return askMember(member, head: head.id)
        case .dead, .unreached:
            return fail(
                JoinError(
                    .noContact,
                    "this node cannot reach its future successor \(head): \(reason)"
                ),
                now: now
            )
        case .notMember, .state:
            return fail(
                JoinError(
                    .noContact,
                    "this node's future successor \(head) is not a member of the ring now"
                ),
                now: now
            )
        }
    }

    /// Asks the member itself for its state, instead of trusting what others say about it.
    private mutating func askMember(
        _ member: NodeReference,
        head: Identifier
    ) -> [JoinDirective] {
        ask(.member(member, head: head)) { .askMember($0, member) }
    }

    private mutating func memberAnswered(
        _ state: RingState,
        _ member: NodeReference,
        _ head: Identifier,
        _ now: Duration
    ) -> [JoinDirective] {
        guard state.node.id == member.id, state.node.name == member.name else {
            return fail(.ringChanged, now: now)
        }
        return refuseHolder(among: state.successors, now, then: .takePlace(state, head: head))
    }

    // MARK: Holders of the place

    /// Whether a node has this node's place: the same name at another address, or another name with
    /// the same identifier.
    private func isHolder(_ other: NodeReference) -> Bool {
        let isOurName = other.name == node.name
        guard isOurName || other.id == node.id else { return false }
        return !isOurName || other.address != node.address
    }

    /// Asks the member at this node's place, if there is one. A live one keeps the place. A dead
    /// one is an earlier incarnation of this node.
    mutating func refuseHolder(
        among nodes: [NodeReference],
        _ now: Duration,
        then step: Step
    ) -> [JoinDirective] {
        let raises = nodes.filter { $0.name == node.name }
            .map { JoinDirective.raiseIncarnation(above: $0.incarnation) }
        // An honest list names at most one.
        guard let holder = nodes.first(where: isHolder) else { return raises + take(step, now) }
        return raises + ask(.holder(holder, then: step)) { .askHolder($0, holder) }
    }

    private mutating func holderAnswered(
        _ answer: StateAnswer,
        _ holder: NodeReference,
        _ step: Step,
        _ now: Duration
    ) -> [JoinDirective] {
        switch answer {
        case .busy:
            return fail(
                JoinError(
                    .noContact,
                    "\(holder) has this node's place, and does not tell whether it is alive"
                ),
                now: now
            )
        case .state(let state) where isHolder(state.node):
            let width = parameters.space.width
            let remedy =
                state.node.name == node.name
                ? "stop that node, or give this one another name and certificate"
                : "its identifier \(state.node.id.hexadecimal(width: width)) is also that of \(node.name); "
                    + "give one of them another name, or use wider identifiers in the ring"
            return fail(
                JoinError(
                    .nameTaken,
                    "\(state.node.name) is a live member at \(state.node.address), and this node is "
                        + "\(node.name) at \(node.address); \(remedy)"
                ),
                now: now
            )
        case .dead, .notMember, .unreached, .state: return take(step, now)
        }
    }
}

extension StateAnswer {
    /// The answer's kind without its content, for messages.
    package var kind: String {
        switch self {
        case .state: "member"
        case .notMember: "not a member"
        case .busy: "busy"
        case .unreached: "reached by others only"
        case .dead: "dead"
        }
    }
}
