// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

@testable import ChordCore

// Joining nodes: their questions as messages, and what the JoinMachine directs.

extension Ring {
    /// A question of a node that joins.
    enum JoinQuestion: String, Hashable {
        case contact = "state? of a contact"
        case holder = "alive?"
        case place = "place?"
        case places = "places?"
        case owner = "owner of its place?"
        case head = "state? of a head"
        case member = "state? to join"
    }

    /// ``JoinMachine/Answer`` with errors that can be compared.
    enum JoinReply: Hashable {
        case member(RingState, RingParameters)
        case state(StateAnswer)
        case place(NodeReference, [NodeReference])
        /// What was found at each place.
        case places([FoundPlace])
        case nameTaken
        case owner(NodeReference?)
        case failed(JoinError.Code, String)

        var answer: JoinMachine.Answer {
            switch self {
            case .member(let state, let parameters): .member(state, parameters)
            case .state(let answer): .state(answer, reason: "no answer")
            case .place(let member, let successors): .place(member, successors: successors)
            case .places(let found):
                .places(found.map(\.answer))
            case .nameTaken: .nameTaken
            case .owner(let owner): .owner(owner)
            case .failed(let code, let message): .failed(JoinError(code, message))
            }
        }
    }

    /// ``JoinMachine/PlaceAnswer`` with errors that can be compared.
    enum FoundPlace: Hashable {
        case after(NodeReference, [NodeReference])
        case taken
        case failed(String)

        var answer: JoinMachine.PlaceAnswer {
            switch self {
            case .after(let member, let successors): .after(member, successors: successors)
            case .taken: .taken
            case .failed(let message): .failed(JoinError(.noContact, message))
            }
        }
    }

    // MARK: What scripts and scenarios do

    mutating func join(
        _ address: String,
        name: String? = nil,
        id: Identifier,
        via contacts: [String],
        past: JoinMachine.Past = .init(),
        limit: Duration? = nil,
        life: UInt64 = 1
    ) {
        add(address, name: name, id: id, life: life)
        startJoining(address, via: contacts, past: past, limit: limit)
    }

    mutating func startJoining(
        _ address: String,
        via contacts: [String],
        past: JoinMachine.Past = .init(),
        limit: Duration? = nil
    ) {
        guard let node = nodes[address] else { return }
        let (now, rule) = (now, rule)
        nodes[address]?.joining = JoinMachine(
            node: node.reference,
            parameters: parameters,
            through: contacts,
            past: past,
            deadline: limit.map { now + $0 },
            judge: JoinMachine.Judge(isPlaced: { _ in true }, admissible: { $0 }, rule: rule)
        )
        performJoin(on: address) { $0.start(now: now) }
    }

    mutating func restart(_ address: String, via contact: String) {
        guard let node = nodes[address] else { return }
        join(address, name: node.reference.name, id: node.reference.id, via: [contact])
    }

    /// The time comes at which a joining node looks again.
    mutating func joinTimerFired(_ address: String) {
        guard let node = nodes[address], let time = node.joinTimer else { return }
        now = max(now, time)
        nodes[address]?.joinTimer = nil
        let (now, standing) = (now, node.standing)
        performJoin(on: address) {
            $0.hasPlace ? $0.joined(standing, now: now) : $0.timerFired(now: now)
        }
    }

    /// A head has answered: it may have named a node that has joined.
    mutating func headAnswered(_ state: RingState, at address: String) {
        guard var node = nodes[address], state.node.id == node.machine.successors.head?.id else {
            return
        }
        _ = node.tenure.headNames(state.predecessor, head: state.node.id, in: node.machine.view)
        nodes[address] = node
        let (now, standing) = (now, node.standing)
        guard node.joining?.hasPlace == true, standing.isTaken else { return }
        performJoin(on: address) { $0.joined(standing, now: now) }
    }

    // MARK: Directives

    mutating func performJoin(
        on address: String,
        _ input: (inout JoinMachine) -> [JoinDirective]
    ) {
        guard let node = nodes[address], node.isUp, var joining = node.joining else { return }
        var directives = input(&joining)[...]
        while let directive = directives.popFirst() {
            if isTracing, let text = text(of: directive) { trace.append("  \(address) \(text)") }
            directives += carryOut(directive, of: address, &joining)
        }
        nodes[address]?.joining = joining.isOver ? nil : joining
    }

    private mutating func carryOut(
        _ directive: JoinDirective,
        of address: String,
        _ joining: inout JoinMachine
    ) -> [JoinDirective] {
        func question(_ token: Token, _ question: JoinQuestion, to peer: String) -> Message {
            let life = nodes[address]?.reference.incarnation ?? 0
            return Message(
                from: address,
                to: peer,
                life: life,
                payload: .joinQuestion(token, question)
            )
        }
        switch directive {
        case .askContact(let token, let peer): queue.append(question(token, .contact, to: peer))
        case .askHolder(let token, let node):
            queue.append(question(token, .holder, to: node.address))
        case .lookUpPlace(let token, let peer): queue.append(question(token, .place, to: peer))
        case .lookUpPlaces(let token, let peer, _):
            queue.append(question(token, .places, to: peer))
        case .lookUpOwner(let token, let peer, let id):
            nodes[address]?.soughtPlace = id
            queue.append(question(token, .owner, to: peer))
        case .reachHead(let token, let node):
            queue.append(question(token, .head, to: node.address))
        case .askMember(let token, let node):
            queue.append(question(token, .member, to: node.address))
        case .raiseIncarnation(let former):
            _ = nodes[address]?.machine.raiseIncarnation(above: former)
        case .adopt(let parameters): _ = nodes[address]?.machine.adopt(parameters)
        case .takePlace(let place): move(address, to: place)
        case .join(let state):
            lookForRivals(address)
            guard let directives = nodes[address]?.machine.join(after: state) else {
                return joining.placeChanged(now: now)
            }
            guard let node = nodes[address] else { return [] }
            for directive in directives { execute(directive, of: node.reference) }
            return joining.joined(node.standing, now: now)
        case .create:
            lookForRivals(address)
            nodes[address]?.tenure.hold()
            perform(on: address) { $0.create() }
        case .retry(let wait), .awaitHead(let wait): nodes[address]?.joinTimer = now + wait
        case .searchPlace, .passOver, .report, .finish, .giveUp, .spread: break
        }
        return []
    }

    // MARK: Answers

    func answer(to question: JoinQuestion, of message: Message) -> JoinReply {
        let state = silent.contains(message.to) ? .dead : answer(of: message.to)
        if let stranger = strangers[message.to], question == .contact { return stranger }
        switch question {
        case .holder, .head: return .state(state)
        case .contact, .member:
            switch state {
            case .state(let state):
                return .member(state, nodes[message.to]?.machine.parameters ?? parameters)
            case .dead: return .failed(.noContact, "\(message.to) does not answer")
            case .notMember, .busy, .unreached:
                return .failed(.notMember, "\(message.to) is \(state.kind)")
            }
        case .place, .owner: return place(for: message, isJoiner: question == .place)
        case .places: return places(for: message)
        }
    }

    private func places(for message: Message) -> JoinReply {
        guard let node = nodes[message.from] else { return .nameTaken }
        let places = rule.places(of: node.reference, count: parameters.placements)
        return .places(
            places.map { place -> FoundPlace in
                let found = lookUp(place.id, from: message.to, joiner: place)
                switch found.outcome {
                case .success:
                    guard let last = found.path.last.flatMap({ nodes[$0] }) else {
                        return .failed("nobody")
                    }
                    return .after(last.reference, last.machine.view.state.successors)
                case .failure(.nameTaken): return .taken
                case .failure(let failure): return .failed("\(failure)")
                }
            }
        )
    }

    private func place(for message: Message, isJoiner: Bool) -> JoinReply {
        guard let node = nodes[message.from] else { return .nameTaken }
        let joiner = isJoiner ? node.reference : nil
        let target = isJoiner ? node.reference.id : node.soughtPlace
        let found = lookUp(target, from: message.to, joiner: joiner)
        switch found.outcome {
        case .success(let owner):
            guard isJoiner else { return .owner(owner) }
            guard let last = found.path.last.flatMap({ nodes[$0] }) else { return .owner(nil) }
            return .place(last.reference, last.machine.view.state.successors)
        case .failure(.nameTaken): return .nameTaken
        case .failure(let failure):
            return .failed(.noContact, "\(message.to) looks up in vain: \(failure)")
        }
    }

    func text(of directive: JoinDirective) -> String? {
        switch directive {
        case .askContact, .askHolder, .lookUpPlace, .lookUpPlaces, .lookUpOwner, .reachHead,
            .askMember, .join, .spread:
            nil
        case .adopt(let parameters): "takes over \(parameters.placements) places"
        case .takePlace(let place): "takes place \(place.placeIndex) at \(text(of: place.id))"
        case .searchPlace(_, let members): "searches its place among \(text(of: members))"
        case .raiseIncarnation(let former): "exceeds life \(former)"
        case .create(let beginning): "begins a ring: \(beginning)"
        case .passOver(let address, let error): "passes over \(address): \(error)"
        case .retry(let wait): "tries again after \(wait)"
        case .awaitHead(let wait): "waits for its head, \(wait)"
        case .report(let contacts): "is not a member yet: \(text(of: contacts))"
        case .finish: "is named by its head"
        case .giveUp(let error, let contacts):
            "gives up: \(error)" + (contacts.isEmpty ? "" : " (\(text(of: contacts)))")
        }
    }

    func text(of contacts: [JoinContact]) -> String {
        contacts.map { contact in
            switch contact.outcome {
            case .itself: "\(contact.address): itself"
            case .notTried: "\(contact.address): not tried"
            case .failed(let error): "\(contact.address): \(error.message)"
            }
        }.joined(separator: "; ")
    }

    func text(of reply: JoinReply) -> String {
        switch reply {
        case .member(let state, _): text(of: .state(state))
        case .state(let answer): text(of: answer)
        case .place(let member, let successors):
            "place after \(text(of: member)), succ \(text(of: successors))"
        case .places(let found):
            "places "
                + found.map { found in
                    switch found {
                    case .after(let member, _): "after \(text(of: member))"
                    case .taken: "taken"
                    case .failed(let message): message
                    }
                }.joined(separator: ", ")
        case .nameTaken: "a member already"
        case .owner(let owner): "owner \(owner.map { text(of: $0) } ?? "unknown")"
        case .failed(let code, let message): "\(code): \(message)"
        }
    }
}

extension Ring.Node {
    /// What the node knows about its head.
    var standing: JoinMachine.Standing {
        JoinMachine.Standing(head: machine.successors.head, isTaken: tenure.hasJoined)
    }
}
