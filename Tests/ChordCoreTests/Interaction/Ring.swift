// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

/// Many machines in one memory with a queue of messages between them: it does what the machines direct,
/// in the order it is told to, and nothing happens that is not in the queue.
///
/// A node is known by its address, which the tests also use as its name unless they say otherwise.
struct Ring {
    /// A node, up or down.
    struct Node {
        var machine: ChordMachine
        var isUp = true
        var parameters: RingParameters { machine.parameters }
        var tenure = RangeTenure()
        /// Its way into a ring, while it is on it.
        var joining: JoinMachine?
        /// When it looks again: for a contact, or whether its head has named it.
        var joinTimer: Duration?
        /// The place whose owner it asks for while it joins.
        var soughtPlace = Identifier.zero
        /// Its part in founding a ring, where it is a founder.
        var founding: FoundingMachine?
        /// When it calls the other founders again.
        var foundTimer: Duration?
        var reference: NodeReference { machine.node }
        var isMember: Bool { isUp && machine.phase == .member }
    }

    /// What is on its way.
    enum Payload: Hashable {
        case ask(Token)
        case answer(Token, StateAnswer)
        case notify(NodeReference)
        case nudge(NodeReference)
        case leave(LeaveNotice)
        case round
        case finger(Token, Identifier)
        case rival(Token, Identifier)
        case findPlace(Token, NodeReference)
        case offer(NodeReference)
        case meet(NodeReference, contact: NodeReference)
        case joinQuestion(Token, JoinQuestion)
        case joinAnswer(Token, JoinReply)
        case call(FounderCall)
        case callAnswer(FounderReply, FounderCall.Purpose)
    }

    /// A payload with its way. `life` is the incarnation in which its first sender asked: an answer to
    /// a former life goes nowhere, as its connection went with the process.
    struct Message: Hashable {
        var from: String
        var to: String
        var life: UInt64
        var payload: Payload
    }

    /// How a lookup over all the views went.
    struct Found {
        var outcome: Result<NodeReference, LookupFailure>
        /// The nodes that took part, in order; the last that is alive answered.
        var path: [String]
    }

    struct Link: Hashable {
        var from: String
        var to: String
    }

    private(set) var parameters: RingParameters
    /// The places of nodes by their names; a node without any stands where it says.
    var places: [String: [Identifier]] = [:]
    var configuration = ChordMachine.Configuration()
    var nodes: [String: Node] = [:]
    var queue: [Message] = []
    var held: Set<Link> = []
    /// What is answered at addresses where no node of the ring lives.
    var strangers: [String: JoinReply] = [:]
    /// Nodes that joining nodes hear nothing of.
    var silent: Set<String> = []
    /// The time, which only joining nodes look at.
    var now = Duration.zero
    /// What happened, in the notation of the scripts, while `isTracing`.
    var trace: [String] = []
    var isTracing = false

    init(width: Int, successorCount: Int, placements: Int = 1) throws {
        let space = try IdentifierSpace(width: width)
        parameters = RingParameters(
            ring: "test",
            hash: "none",
            probe: .zero,
            space: space,
            rule: .name,
            successorCount: successorCount
        )
        parameters.placements = placements
    }

    /// All nodes, around the circle from zero.
    private(set) var addresses: [String] = []

    /// The members, around the circle from zero.
    var members: [Node] {
        addresses.compactMap { address in
            guard let node = nodes[address], node.isMember else { return nil }
            return node
        }
    }

    // MARK: What scripts and scenarios do

    mutating func add(
        _ address: String,
        name: String? = nil,
        id: Identifier,
        life: UInt64 = 1,
        ring: String? = nil
    ) {
        let life = max(life, (nodes[address]?.reference.incarnation ?? 0) + 1)
        let reference = NodeReference(
            id: id,
            name: name ?? address,
            address: address,
            incarnation: life
        )
        var parameters = parameters
        if let ring { parameters.ring = ring }
        let machine = ChordMachine(
            node: reference,
            parameters: parameters,
            configuration: configuration
        )
        nodes[address] = Node(machine: machine)
        sortAddresses()
    }

    mutating func sortAddresses() {
        addresses = nodes.values.map(\.reference)
            .sorted { ($0.id, $0.address) < ($1.id, $1.address) }.map(\.address)
    }

    mutating func create(_ address: String, id: Identifier, ring: String? = nil) {
        add(address, id: id, ring: ring)
        nodes[address]?.tenure.hold()
        perform(on: address) { $0.create() }
    }

    mutating func drop(_ address: String) {
        nodes[address]?.isUp = false
    }

    mutating func leave(_ address: String) {
        perform(on: address) { $0.leave() }
    }

    /// The interval of a node has passed; one that joins looks again.
    mutating func tick(_ address: String) {
        guard let node = nodes[address], node.isUp else { return }
        if node.machine.phase == .member { perform(on: address) { $0.tick() } }
        joinTimerFired(address)
        foundTimerFired(address)
    }

    /// Ticks all nodes and empties the queue until nothing changes for longer than the fingers rest.
    ///
    /// - Returns: the rounds after which nothing changed, or nil when it never ended.
    mutating func settle(limit: Int = 200) -> Int? {
        let quiet = configuration.fingerQuietTicks + 2
        var same = 0
        for round in 1...limit {
            let before = snapshot
            for address in addresses {
                tick(address)
                guard drain() else { return nil }
            }
            same = snapshot == before ? same + 1 : 0
            if same == quiet { return round - quiet }
        }
        return nil
    }

    var snapshot: [RoutingView] { members.map(\.machine.view) }

    /// Delivers until nothing is left that can be; false when there is no end to it.
    mutating func drain(limit: Int = 20_000) -> Bool {
        for _ in 0..<limit {
            guard deliverNext() else { return true }
        }
        return false
    }

    /// Delivers the oldest message that is not held; false when there is none.
    mutating func deliverNext() -> Bool {
        guard
            let index = queue.firstIndex(where: { !held.contains(Link(from: $0.from, to: $0.to)) })
        else { return false }
        deliver(at: index)
        return true
    }

    /// Where the oldest message that goes this way stands in the queue.
    func index(from: String, to: String) -> Int? {
        queue.firstIndex { $0.from == from && $0.to == to }
    }

    // MARK: Directives

    mutating func perform(
        on address: String,
        _ input: (inout ChordMachine) -> [Directive]
    ) {
        guard var node = nodes[address], node.isUp else { return }
        nodes[address] = nil
        let directives = input(&node.machine)
        nodes[address] = node
        for directive in directives { execute(directive, of: node.reference) }
    }

    mutating func send(from: String, to: String, _ payload: Payload) {
        let life = nodes[from]?.reference.incarnation ?? 0
        queue.append(Message(from: from, to: to, life: life, payload: payload))
    }

    mutating func execute(_ directive: Directive, of node: NodeReference) {
        if isTracing, let text = text(of: directive) { trace.append("  \(node.address) \(text)") }
        switch directive {
        case .askState(let token, let peer):
            send(from: node.address, to: peer.address, .ask(token))
        case .notify(let peer):
            send(from: node.address, to: peer.address, .notify(node))
        case .nudge(let peer):
            send(from: node.address, to: peer.address, .nudge(node))
        case .findFinger(let token, let target):
            send(from: node.address, to: node.address, .finger(token, target))
        case .findRival(let token, let place):
            send(from: node.address, to: node.address, .rival(token, place))
        case .findPlace(let token, let contact):
            send(from: node.address, to: contact.address, .findPlace(token, contact))
        case .offer(let peer):
            send(from: node.address, to: peer.address, .offer(node))
        case .meet(let peer, let contact):
            send(from: node.address, to: peer.address, .meet(node, contact: contact))
        case .sendLeave(let peer, let leaveNotice):
            send(from: node.address, to: peer.address, .leave(leaveNotice))
        case .roundSoon:
            send(from: node.address, to: node.address, .round)
        case .verifyRival(let rival):
            guard rival.address == node.address else { return }
            _ = nodes[node.address]?.machine.raiseIncarnation(above: rival.incarnation)
        case .report(let event): _ = nodes[node.address]?.tenure.events(for: event)
        case .publish: break
        }
    }

    /// What a node answers, or what its silence means.
    func answer(of address: String) -> StateAnswer {
        guard let node = nodes[address], node.isUp else { return .dead }
        guard node.machine.phase == .member else { return .notMember }
        return node.machine.view.isDelaying ? .busy : .state(node.machine.view.state)
    }

    mutating func deliver(at index: Int) {
        let message = queue.remove(at: index)
        if isTracing { trace.append(text(of: message)) }
        let isSameLife = nodes[message.to]?.reference.incarnation == message.life
        switch message.payload {
        case .ask(let token):
            reply(to: message, .answer(token, answer(of: message.to)))
        case .answer(let token, let answer):
            guard isSameLife else { return }
            if case .state(let state) = answer { headAnswered(state, at: message.to) }
            perform(on: message.to) { $0.receive(answer, for: token) }
        case .notify(let candidate):
            perform(on: message.to) { $0.notified(by: candidate) }
        case .nudge(let successor):
            perform(on: message.to) { $0.nudged(by: successor.id) }
        case .leave(let leaveNotice):
            perform(on: message.to) { $0.neighbourLeft(leaveNotice) }
        case .round:
            if isSameLife { perform(on: message.to) { $0.round() } }
        case .finger(let token, let target):
            guard isSameLife else { return }
            let found = lookUp(target, from: message.to)
            perform(on: message.to) { $0.resolveFinger(try? found.outcome.get(), for: token) }
        case .rival(let token, let place):
            guard isSameLife else { return }
            let found = lookUp(place, from: message.to)
            perform(on: message.to) { $0.resolveRival(try? found.outcome.get(), for: token) }
        case .findPlace(let token, let contact):
            guard nodes[message.from]?.reference.incarnation == message.life else { return }
            let answer = place(of: message.from, through: contact)
            perform(on: message.from) { $0.resolvePlace(answer, for: token) }
        case .offer(let candidate):
            perform(on: message.to) { $0.offered(by: candidate) }
        case .meet(_, let contact):
            perform(on: message.to) { $0.met(contact) }
        case .joinQuestion(let token, let question):
            reply(to: message, .joinAnswer(token, answer(to: question, of: message)))
        case .joinAnswer(let token, let answer):
            guard isSameLife else { return }
            let now = now
            performJoin(on: message.to) { $0.receive(answer.answer, for: token, now: now) }
        case .call(let call): answerCall(call, message)
        case .callAnswer(let reply, let purpose):
            if isSameLife { callAnswered(reply, purpose, message) }
        }
    }

    /// What a member finds out about its own place in a contact's ring.
    private func place(
        of address: String,
        through contact: NodeReference
    ) -> ChordMachine.PlaceAnswer {
        guard let node = nodes[address], nodes[contact.address]?.isMember == true else {
            return .dead
        }
        let found = lookUp(node.reference.id, from: contact.address, joiner: node.reference)
        guard case .success = found.outcome, let last = found.path.last.flatMap({ nodes[$0] })
        else { return .unknown }
        let isHead = last.machine.successors.head?.id == node.reference.id
        return .after(last.reference, isHead: isHead)
    }

    mutating func reply(to message: Message, _ payload: Payload) {
        queue.append(
            Message(from: message.to, to: message.from, life: message.life, payload: payload)
        )
    }
}
