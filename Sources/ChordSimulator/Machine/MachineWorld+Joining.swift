// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore

// Joining: executes the directives of `JoinMachine`, with messages. The range is reported here as
// soon as the machine changes it, so joining ends when the node has its place.

extension MachineWorld {
    func startJoining(_ number: Int, via contact: Int, within spread: Int64 = 0) {
        nodes[number].contact = contact
        let delay = spread > 0 ? generator.integer(in: 0...spread) : 0
        heap.push(.joinTimer(number, life: nodes[number].life), at: now + delay)
    }

    /// Starts a pass over the contacts.
    func joinTimerFired(_ number: Int, _ event: Event) {
        guard nodes[number].machine.phase == .notJoined else { return }
        let (isFirst, time) = (nodes[number].joining == nil, Duration.nanoseconds(now))
        var contact = nodes[number].contact
        if !isFirst || contact == number {
            guard let other = knownMember(), other != number else {
                return retryJoin(number, after: scenario.timing.joinRetry)
            }
            contact = other
        }
        let name = MachineNode.name(contact)
        if isFirst {
            var settings = JoinMachine.Settings()
            settings.retry = scenario.timing.joinRetry
            settings.retryCap = scenario.timing.joinRetryCap
            nodes[number].joining = JoinMachine(
                node: nodes[number].reference,
                parameters: parameters,
                through: [name],
                past: JoinMachine.Past(placeIndex: rememberedPlace(of: number)),
                settings: settings,
                judge: joinJudge(of: number)
            )
            performJoin(number, event) { $0.start(now: time) }
        } else {
            nodes[number].joining?.use([name])
            performJoin(number, event) { $0.timerFired(now: time) }
        }
    }

    /// A member, or a node that was one. After the repair always a member.
    private func knownMember() -> Int? {
        generator.element(of: isHealed ? everMembers.filter { nodes[$0].isMember } : everMembers)
    }

    private func retryJoin(_ number: Int, after wait: Duration) {
        heap.push(
            .joinTimer(number, life: nodes[number].life),
            at: now + local(wait.nanoseconds, of: number)
        )
    }

    func receive(
        _ answer: JoinMachine.Answer,
        for token: Token,
        at number: Int,
        _ event: Event? = nil
    ) {
        let time = Duration.nanoseconds(now)
        performJoin(number, event) { $0.receive(answer, for: token, now: time) }
    }

    private func performJoin(
        _ number: Int,
        _ event: Event?,
        _ input: (inout JoinMachine) -> [JoinDirective]
    ) {
        guard nodes[number].machine.phase == .notJoined, var joining = nodes[number].joining else {
            return
        }
        var directives = input(&joining)[...]
        nodes[number].joining = joining
        while let directive = directives.popFirst() {
            if trace != nil { trace?.append("    \(directive)") }
            switch directive {
            case .join(let state):
                var isIn = true
                perform(number, event) { machine in
                    guard let directives = machine.join(after: state) else {
                        isIn = false
                        return []
                    }
                    return directives
                }
                if isIn {
                    nodes[number].joining = nil
                } else {
                    directives += joining.placeChanged(now: .nanoseconds(now))
                    nodes[number].joining = joining
                }
            case .giveUp(let error, _) where error.code == .nameTaken && hasPlaces:
                // Another process of this name is a member.
                nodes[number].joining = nil
                nodes[number].isUp = false
            case .giveUp:
                // The node starts again, as if by its operator.
                nodes[number].joining = nil
                retryJoin(number, after: scenario.timing.joinRetryCap)
            default: carryOut(directive, of: number)
            }
        }
    }

    private func carryOut(_ directive: JoinDirective, of number: Int) {
        switch directive {
        case .askContact(let token, let address):
            askState(token, of: MachineNode.number(of: address), by: number, asMember: true)
        case .askMember(let token, let node):
            askState(token, of: MachineNode.number(of: node), by: number, asMember: true)
        case .askHolder(let token, let node), .reachHead(let token, let node):
            askState(token, of: MachineNode.number(of: node), by: number, asMember: false)
        case .lookUpPlace(let token, let contact):
            let contact = nodes[MachineNode.number(of: contact)].reference
            findPlace(of: number, via: contact, for: .joining(token))
        case .lookUpPlaces(let token, let contact, let places):
            lookUpPlaces(places, of: number, via: MachineNode.number(of: contact), token)
        case .lookUpOwner(let token, let contact, let id):
            let contact = nodes[MachineNode.number(of: contact)].reference
            var place = nodes[number].reference
            place.id = id
            findPlace(of: number, via: contact, for: .joining(token), isJoiner: false, at: place)
        case .takePlace(let place): perform(number) { $0.move(to: place) }
        case .raiseIncarnation(let former): perform(number) { $0.raiseIncarnation(above: former) }
        case .retry(let wait): retryJoin(number, after: wait)
        case .searchPlace, .adopt, .join, .create, .passOver, .awaitHead, .report, .finish, .giveUp,
            .spread:
            break
        }
    }

    /// - Parameter asMember: also asks for the ring's parameters.
    private func askState(_ token: Token, of peer: Int, by number: Int, asMember: Bool) {
        heap.push(
            .joinExpired(number, life: nodes[number].life, token, asMember: asMember),
            at: now + local(peerTimeout, of: number)
        )
        send(from: number, to: peer, .joinQuestion(token, asMember: asMember))
    }

    /// The answer of a joining machine's query for a node's state.
    func joinAnswer(_ answer: StateAnswer, asMember: Bool) -> JoinMachine.Answer {
        guard asMember else { return .state(answer, reason: "no answer") }
        guard case .state(let state) = answer else {
            let code = answer == .dead ? JoinError.Code.noContact : .notMember
            return .failed(JoinError(code, answer.kind))
        }
        return .member(state, parameters)
    }

    func lookedUp(_ number: Int, _ token: Token, isJoiner: Bool, _ outcome: LookupOutcome) {
        let answer: JoinMachine.Answer
        switch outcome {
        case .owner(let owner, let answering, let successors):
            answer = isJoiner ? .place(answering, successors: successors) : .owner(owner)
        case .failure(.nameTaken) where isJoiner: answer = .nameTaken
        case .failure, .deadline, .refused:
            answer = .failed(JoinError(.noContact, "\(outcome)"))
        }
        receive(answer, for: token, at: number)
    }

    /// A lone node that once joined through a contact asks its contacts again with growing waits,
    /// like the shell.
    func retryBootstrap(_ number: Int) {
        let node = nodes[number]
        guard node.machine.isAlone, node.contact != 0 else {
            node.ticksAlone = 0
            return
        }
        node.ticksAlone += 1
        // After 1, 2, 4, 8 and 16 ticks, and then every 16 ticks.
        let isDue = node.ticksAlone & (node.ticksAlone - 1) == 0 || node.ticksAlone % 16 == 0
        guard isDue, let other = knownMember(), other != number else { return }
        let contact = nodes[other].reference
        perform(number) { $0.merge(with: contact) }
    }
}
