// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore

// Execution of the machines' directives, and delivery of messages.

extension MachineWorld {
    func perform(
        _ number: Int,
        _ event: Event? = nil,
        _ input: (inout ChordMachine) -> [Directive]
    ) {
        let wasMember = nodes[number].machine.phase == .member
        let predecessor = nodes[number].machine.predecessor
        let directives = input(&nodes[number].machine)
        let isMember = nodes[number].machine.phase == .member
        if isMember, !wasMember { becameMember(number) }
        if !isMember, wasMember { nodes[number].memberUntil = now }
        if isMember != wasMember { auditor.ownersChanged() }
        if isTruthful, wasMember, isMember, !nodes[number].isIntruder {
            judgeRange(of: number, before: predecessor, event)
        }
        // The new state is recorded first: a Leave refers to a node that is already gone.
        touched(number, event)
        for directive in directives { execute(directive, of: number) }
    }

    /// A range may grow only over the range of a dead predecessor, because a live one owns its
    /// range. If the predecessor has just restarted, the verdict may be about its earlier
    /// incarnation.
    private func judgeRange(of number: Int, before: NodeReference, _ event: Event?) {
        let machine = nodes[number].machine
        guard machine.predecessor.id != before.id, before.id != machine.node.id,
            !machine.predecessor.id.isBetween(before.id, and: machine.node.id)
        else { return }
        let former = nodes[MachineNode.number(of: before)]
        guard former.isMember, now - former.memberSince > 3 * peerTimeout else { return }
        report(
            .ownership,
            [
                "\(machine.node.name) takes \(machine.predecessor.name) for its predecessor, while "
                    + "\(before.name), which is nearer, is alive"
            ],
            after: event.map { "\($0)" } ?? "a suspicion"
        )
    }

    private func execute(_ directive: Directive, of number: Int) {
        if trace != nil, case .publish = directive {} else { trace?.append("    \(directive)") }
        switch directive {
        case .askState(let token, let peer):
            let life = nodes[number].life
            heap.push(.expire(number, life: life, token), at: now + local(peerTimeout, of: number))
            send(from: number, to: MachineNode.number(of: peer), .ask(token))
        case .notify(let peer):
            send(
                from: number,
                to: MachineNode.number(of: peer),
                .notify(nodes[number].reference)
            )
        case .nudge(let peer):
            let id = nodes[number].reference.id
            send(from: number, to: MachineNode.number(of: peer), .nudge(id))
        case .findPlace(let token, let contact):
            findPlace(of: number, via: contact, for: .place(token))
        case .offer(let peer):
            counts.mergeMessages += 1
            let node = nodes[number].reference
            send(from: number, to: MachineNode.number(of: peer), .offer(node))
        case .meet(let peer, let contact):
            counts.mergeMessages += 1
            send(from: number, to: MachineNode.number(of: peer), .meet(contact: contact))
        case .findFinger(let token, let target):
            startLookup(target, at: number, for: .finger(token))
        case .findRival(let token, let place):
            startLookup(place, at: number, for: .rival(token))
        case .sendLeave(let peer, let leaveNotice):
            send(from: number, to: MachineNode.number(of: peer), .leave(leaveNotice))
        case .roundSoon:
            guard !nodes[number].isRoundDue else { return }
            nodes[number].isRoundDue = true
            let delay = generator.integer(in: (promptDelay / 2)...(promptDelay * 3 / 2))
            heap.push(
                .round(number, life: nodes[number].life),
                at: now + local(delay, of: number)
            )
        case .verifyRival(let rival): verifyRival(rival, of: number)
        case .publish, .report:
            break
        }
    }

    // MARK: Delivery

    func send(from: Int, to: Int, _ payload: Payload) {
        let message = Message(
            from: from,
            to: to,
            askerLife: nodes[from].life,
            payload: payload
        )
        dispatch(message)
    }

    private func reply(to question: Message, _ payload: Payload) {
        dispatch(
            Message(
                from: question.to,
                to: question.from,
                askerLife: question.askerLife,
                payload: payload
            )
        )
    }

    func answer(_ asker: Int, life: UInt32, from: Int, _ payload: Payload) {
        dispatch(Message(from: from, to: asker, askerLife: life, payload: payload))
    }

    private func dispatch(_ message: Message) {
        counts.messages += 1
        if message.to == message.from || isHealed { return schedule(message) }
        let network = scenario.network
        if self.network.isBlocked(from: message.from, to: message.to) {
            counts.lost += 1
            return
        }
        if network.loss > 0, generator.chance(network.loss) {
            counts.lost += 1
            return
        }
        if network.duplication > 0, generator.chance(network.duplication) { schedule(message) }
        schedule(message)
    }

    private func schedule(_ message: Message) {
        lastSerial += 1
        noteInbound(message, lastSerial)
        if network.isHeld(from: message.from, to: message.to) {
            waiting.append((message, lastSerial))
            return
        }
        let delay = message.to == message.from ? 1000 : sampledDelay()
        heap.push(.deliver(message, serial: lastSerial), at: now + delay)
    }

    private func sampledDelay() -> Int64 {
        let delay = scenario.network.delay.sample(using: &generator)
        if !isHealed || scenario.network.staysSlow { return delay }
        return min(delay, Self.calmDelay.sample(using: &generator))
    }

    /// Sends the messages that waited on links that are no longer held.
    func releaseWaiting() {
        let all = waiting
        waiting = []
        for (message, serial) in all {
            if network.isHeld(from: message.from, to: message.to) {
                waiting.append((message, serial))
            } else {
                heap.push(
                    .deliver(message, serial: serial),
                    at: now + sampledDelay()
                )
            }
        }
    }

    func deliver(_ message: Message, _ serial: UInt64) {
        let number = message.to
        guard number < nodes.count else { return }
        if tracker != nil, !nodes[number].inbound.isEmpty {
            nodes[number].inbound.removeAll { $0.serial == serial }
            // An event is judged after its message was accepted. A message that is not accepted
            // changes nothing.
            defer { touched(number, .deliver(message, serial: serial)) }
            return take(message, serial)
        }
        take(message, serial)
    }

    private func take(_ message: Message, _ serial: UInt64) {
        let number = message.to
        let isSameLife = isAlive(number, message.askerLife)
        let event = Event.deliver(message, serial: serial)
        switch message.payload {
        case .ask(let token):
            let answer = stateAnswer(of: number)
            guard answer == .dead, !scenario.network.refusesWhenDown else {
                return reply(to: message, .answer(token, answer))
            }
            // No answer will come, and the caller will find that out.
            noteSilence(message, token)
        case .answer(let token, let answer):
            let answer = believed(answer)
            if isSameLife { perform(number, event) { $0.receive(answer, for: token) } }
        case .notify(let candidate):
            // Reached before believed: the shell's dial, done in one step.
            guard nodes[number].isUp, isPlaced(candidate),
                judge(candidate, by: number) != .dead
            else { return }
            perform(number, event) { $0.notified(by: candidate) }
        case .nudge(let id):
            if nodes[number].isUp { perform(number, event) { $0.nudged(by: id) } }
        case .offer(let candidate):
            guard nodes[number].isUp, isPlaced(candidate) else { return }
            perform(number, event) { $0.offered(by: candidate) }
        case .meet(let contact):
            guard nodes[number].isUp, isPlaced(contact) else { return }
            perform(number, event) { $0.met(contact) }
        case .leave(let leaveNotice):
            guard nodes[number].isUp, isPlaced(leaveNotice.state.node) else { return }
            perform(number, event) { $0.neighbourLeft(leaveNotice) }
        case .find(let request): accept(request, message)
        case .accepted(let run, let attempt):
            lookups.change(run) { if $0.attempt == attempt { $0.isAccepted = true } }
        case .found(let run, let attempt, let outcome):
            if isSameLife { answered(run, attempt, outcome) }
        case .joinQuestion(let token, let asMember):
            let answer = stateAnswer(of: number)
            guard answer != .dead || scenario.network.refusesWhenDown else { return }
            reply(to: message, .joinAnswer(token, joinAnswer(answer, asMember: asMember)))
        case .joinAnswer(let token, let answer):
            if isSameLife { receive(answer, for: token, at: number, event) }
        }
    }

    /// The answer of a node to a state query.
    func stateAnswer(of number: Int) -> StateAnswer {
        guard number < nodes.count, nodes[number].isUp else { return .dead }
        guard nodes[number].machine.phase == .member else { return .notMember }
        let view = nodes[number].machine.view
        return view.isDelaying ? .busy : .state(view.state)
    }

    // MARK: Lists in flight

    /// Records a message in flight that will change a node's list.
    private func noteInbound(_ message: Message, _ serial: UInt64) {
        guard tracker != nil, message.to < nodes.count else { return }
        let content: MachineNode.Inbound.Content
        switch message.payload {
        case .answer(let token, let answer): content = .answer(token, answer)
        case .leave(let leaveNotice): content = .leave(leaveNotice)
        case .joinAnswer(let token, let answer): content = .join(token, answer)
        default: return
        }
        nodes[message.to].inbound.append(MachineNode.Inbound(serial: serial, content: content))
        touched(message.to, nil)
    }

    private func noteSilence(_ message: Message, _ token: Token) {
        guard tracker != nil, isAlive(message.from, message.askerLife) else { return }
        nodes[message.from].inbound.append(
            MachineNode.Inbound(serial: 0, content: .answer(token, .dead))
        )
        touched(message.from, nil)
    }

    /// The lists that a node will have when each message in flight arrives, one at a time.
    func listsInFlight(to number: Int) -> [[Identifier]] {
        var lists: [[Identifier]] = []
        let node = nodes[number]
        for inbound in node.inbound {
            var machine = node.machine
            switch inbound.content {
            case .answer(let token, let answer):
                _ = machine.receive(believed(answer), for: token)
            case .leave(let leaveNotice): _ = machine.neighbourLeft(leaveNotice)
            case .join(let token, let answer):
                guard machine.phase == .notJoined, var joining = node.joining,
                    case .join(let state)? =
                        joining.receive(answer, for: token, now: .nanoseconds(now)).last,
                    machine.join(after: state) != nil
                else { continue }
            }
            guard machine.phase == .member else { continue }
            if node.machine.phase != .member || machine.successors != node.machine.successors {
                lists.append(machine.successors.entries.map(\.id))
            }
        }
        return lists
    }

    // MARK: The invariant after every event

    /// Checks the effect of an event. The order of a list does not depend on failures or false
    /// suspicions, so it is checked in every run.
    func touched(_ number: Int, _ event: Event?) {
        guard !nodes[number].isIntruder else { return }
        let violations: [String]
        if tracker == nil {
            let list = nodes[number].machine.successors.entries
            guard list != nodes[number].checkedList else { return }
            nodes[number].checkedList = list
            violations = InvariantChecker.flaws(
                of: list.map(\.id),
                owner: nodes[number].reference.id
            )
        } else {
            violations = updateTracker(number)
        }
        guard !violations.isEmpty else { return }
        report(
            .invariant,
            violations,
            after: event.map { "\($0)" } ?? "something set out for \(MachineNode.name(number))"
        )
    }

    func updateTracker(_ number: Int) -> [String] {
        guard nodes[number].isUp, nodes[number].machine.phase != .left else {
            return tracker?.update(
                number,
                id: nodes[number].reference.id,
                isMember: false,
                lists: []
            ) ?? []
        }
        return tracker?.update(
            number,
            id: nodes[number].reference.id,
            isMember: nodes[number].isMember,
            lists: lists(of: number)
        ) ?? []
    }

    /// A node's own list, if it is a member, and its future lists.
    func lists(of number: Int) -> [[Identifier]] {
        let node = nodes[number]
        var lists: [[Identifier]] = []
        if node.isMember { lists.append(node.machine.successors.entries.map(\.id)) }
        if !node.inbound.isEmpty { lists += listsInFlight(to: number) }
        return lists
    }

    func report(_ kind: Violation.Kind, _ details: [String], after event: String) {
        guard violation == nil, !details.isEmpty else { return }
        violation = Violation(kind: kind, time: .nanoseconds(now), event: event, details: details)
    }
}
