// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

@testable import ChordCore

// Founders: their calls as messages, and what the FoundingMachine directs.

extension Ring {
    /// A call from one founder to another.
    struct FounderCall: Hashable {
        enum Purpose: Hashable {
            case round(Int)
            case reach
            case tell
        }

        var founder: NodeReference
        var addresses: [String]
        var decided: [NodeReference]
        var purpose: Purpose
    }

    /// ``FoundingMachine/Answer`` with errors that can be compared.
    enum FounderReply: Hashable {
        case founder(NodeReference)
        case member(NodeReference, founders: [NodeReference])
        case failed(JoinError.Code, String)

        var answer: FoundingMachine.Answer {
            switch self {
            case .founder(let node): .founder(node, isProven: true)
            case .member(let node, let founders): .member(node, isProven: true, founders: founders)
            case .failed(let code, let message): .failed(JoinError(code, message))
            }
        }
    }

    mutating func found(
        _ address: String,
        id: Identifier,
        with addresses: [String],
        limit: Duration? = nil
    ) {
        add(address, id: id)
        guard let node = nodes[address] else { return }
        let rule = rule
        nodes[address]?.founding = FoundingMachine(
            node: node.reference,
            space: parameters.space,
            addresses: addresses,
            deadline: limit.map { now + $0 },
            placements: parameters.placements,
            rule: rule
        )
        performFounding(on: address) { $0.start(now: $1) }
    }

    /// The time comes at which a founder calls the others again.
    mutating func foundTimerFired(_ address: String) {
        guard let time = nodes[address]?.foundTimer else { return }
        now = max(now, time)
        nodes[address]?.foundTimer = nil
        performFounding(on: address) { $0.timerFired(now: $1) }
    }

    // MARK: Directives

    private mutating func performFounding(
        on address: String,
        _ input: (inout FoundingMachine, Duration) -> [FoundingDirective]
    ) {
        guard let node = nodes[address], node.isUp, var founding = node.founding,
            [.notJoined, .founding].contains(node.machine.phase)
        else { return }
        let directives = input(&founding, now)
        nodes[address]?.founding = founding
        for directive in directives {
            if isTracing, let text = text(of: directive) { trace.append("  \(address) \(text)") }
            carryOut(directive, of: address, founding)
        }
    }

    private mutating func carryOut(
        _ directive: FoundingDirective,
        of address: String,
        _ founding: FoundingMachine
    ) {
        guard let node = nodes[address]?.reference else { return }
        var call = FounderCall(
            founder: node,
            addresses: founding.founders,
            decided: [],
            purpose: .reach
        )
        switch directive {
        case .prepare: perform(on: address) { $0.beginFounding() }
        case .call(let peer, let round):
            call.purpose = .round(round)
            send(from: address, to: peer, .call(call))
        case .reach(let peer): send(from: address, to: peer, .call(call))
        case .tell(let peer, let ring):
            call.decided = ring
            call.purpose = .tell
            send(from: address, to: peer.address, .call(call))
        case .begin(let ring):
            if let place = ring.first(where: { $0.address == address }) {
                move(address, to: place)
            }
            lookForRivals(address)
            nodes[address]?.tenure.hold()
            perform(on: address) { $0.found(with: ring) }
        case .beginAlone:
            nodes[address]?.tenure.hold()
            perform(on: address) { $0.create() }
        case .join(let contacts, let limit):
            perform(on: address) { $0.ceaseFounding() }
            startJoining(address, via: contacts, limit: limit)
        case .retry(let wait): nodes[address]?.foundTimer = now + wait
        case .report, .passOver, .giveUp: break
        }
    }

    // MARK: Calls

    mutating func answerCall(_ call: FounderCall, _ message: Message) {
        let reply = reply(to: call, at: message.to)
        self.reply(to: message, .callAnswer(reply, call.purpose))
    }

    private mutating func reply(to call: FounderCall, at address: String) -> FounderReply {
        if case .failed(let code, let text)? = strangers[address] { return .failed(code, text) }
        guard let node = nodes[address], node.isUp, !silent.contains(address) else {
            return .failed(.noContact, "\(address) does not answer")
        }
        if node.isMember {
            let founders = node.founding?.founders(for: call.founder, now: now) ?? []
            return .member(node.reference, founders: founders)
        }
        guard node.founding != nil else {
            return .failed(.noContact, "\(address) founds no ring")
        }
        var refusal: FoundingMachine.Refusal?
        performFounding(on: address) { machine, now in
            let result = machine.called(
                by: call.founder,
                addresses: call.addresses,
                decided: call.decided,
                isProven: true,
                now: now
            )
            switch result {
            case .success(let directives): return directives
            case .failure(let error):
                refusal = error
                return []
            }
        }
        switch refusal {
        case .otherFounders(let own)?:
            return .failed(.parametersDiffer, "the initial ring of \(address) is \(own)")
        case .notFounder?: return .failed(.refused, "\(call.founder) is no founder")
        case nil: break
        }
        if nodes[address]?.isMember == true { return .member(node.reference, founders: []) }
        return .founder(node.reference)
    }

    mutating func callAnswered(
        _ reply: FounderReply,
        _ purpose: FounderCall.Purpose,
        _ message: Message
    ) {
        performFounding(on: message.to) { machine, now in
            switch purpose {
            case .round(let round):
                machine.answered(reply.answer, at: message.from, inRound: round, now: now)
            case .reach: machine.reached(reply.answer, at: message.from, now: now)
            case .tell: []
            }
        }
    }

    // MARK: Text

    private func text(of directive: FoundingDirective) -> String? {
        switch directive {
        case .prepare, .call, .reach, .tell: nil
        case .begin(let ring): "begins a ring of \(text(of: ring))"
        case .beginAlone: "begins a ring alone"
        case .join(let contacts, _): "joins through \(contacts.joined(separator: ", "))"
        case .retry(let wait): "calls again after \(wait)"
        case .report(let missing): "waits for \(missing.joined(separator: ", "))"
        case .passOver(let address, let error): "passes over \(address): \(error)"
        case .giveUp(let error, let contacts):
            "gives up: \(error)" + (contacts.isEmpty ? "" : " (\(text(of: contacts)))")
        }
    }

    func text(of call: FounderCall) -> String {
        switch call.purpose {
        case .round(let round): "found? round \(round)"
        case .reach: "found?"
        case .tell: "a ring of \(text(of: call.decided)) has begun"
        }
    }

    func text(of reply: FounderReply) -> String {
        switch reply {
        case .founder(let node): "founder \(text(of: node))"
        case .member(let node, let founders):
            "member \(text(of: node))"
                + (founders.isEmpty ? "" : " of the ring of \(text(of: founders))")
        case .failed(let code, let message): "\(code): \(message)"
        }
    }
}
