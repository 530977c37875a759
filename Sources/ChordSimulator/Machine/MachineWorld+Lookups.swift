// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore

// Recursive lookups, hop by hop in messages; see `RecursiveLookup`.

extension MachineWorld {
    func startLookup(_ target: Identifier, at number: Int, for origin: MachineLookup.Origin) {
        if walksLookups, case .finger(let token) = origin {
            return walk(target, at: number, for: token)
        }
        let budget = LookupMachine.defaultHopBudget(width: scenario.width)
        let lookup = MachineLookup(
            node: number,
            life: nodes[number].life,
            lookup: LookupMachine(target: target, hopBudget: budget),
            origin: origin,
            deadline: now + local(lookupDeadline, of: number)
        )
        advance(lookups.add(lookup))
    }

    /// A node looks for its own place through a contact.
    ///
    /// - Parameter isJoiner: whether it asks for the member before its place and not for the owner.
    func findPlace(
        of number: Int,
        via contact: NodeReference,
        for origin: MachineLookup.Origin,
        isJoiner: Bool = true,
        at place: NodeReference? = nil
    ) {
        if walksLookups, case .place(let token) = origin {
            return walkToPlace(of: number, via: contact, for: token)
        }
        let node = place ?? nodes[number].reference
        let lookup = LookupMachine(
            target: node.id,
            joiner: isJoiner ? node : nil,
            hopBudget: LookupMachine.defaultHopBudget(width: scenario.width)
        )
        let run = lookups.add(
            MachineLookup(
                node: number,
                life: nodes[number].life,
                lookup: lookup,
                origin: origin,
                deadline: now + local(lookupDeadline, of: number)
            )
        )
        ask(contact, run, hops: 0)
    }

    private func walkToPlace(of number: Int, via contact: NodeReference, for token: Token) {
        let start = nodes[MachineNode.number(of: contact)]
        var answer = ChordMachine.PlaceAnswer.dead
        var hops = 0
        if start.isMember, !network.isBlocked(from: number, to: MachineNode.number(of: contact)) {
            let found = IdealChecker.walk(
                nodes[number].reference.id,
                from: start.machine.view,
                joiner: nodes[number].reference
            ) { reference in
                let node = nodes[MachineNode.number(of: reference)]
                return node.isUp ? node.machine.view : nil
            }
            hops = found.hops + 1
            if case .success = found.outcome {
                let isHead = found.last.successors.first?.id == nodes[number].reference.id
                answer = .after(found.last.node, isHead: isHead)
            } else {
                answer = .unknown
            }
        }
        counts.messages += 2 * (hops + 1)
        counts.mergeMessages += 2 * (hops + 1)
        var delay: Int64 = 0
        for _ in 0..<(2 * (hops + 1)) { delay += scenario.network.delay.sample(using: &generator) }
        heap.push(.placeResolved(number, life: nodes[number].life, token, answer), at: now + delay)
    }

    private func walk(_ target: Identifier, at number: Int, for token: Token) {
        let found = IdealChecker.lookUp(target, from: nodes[number].machine.view) { reference in
            let node = nodes[MachineNode.number(of: reference)]
            return node.isUp ? node.machine.view : nil
        }
        var delay: Int64 = 0
        counts.messages += 2 * found.hops
        for _ in 0...(2 * found.hops) { delay += scenario.network.delay.sample(using: &generator) }
        heap.push(
            .fingerResolved(
                number,
                life: nodes[number].life,
                token,
                try? found.outcome.get()
            ),
            at: now + delay
        )
    }

    /// Makes the next step of a lookup at its present node.
    private func advance(_ reference: RunReference) {
        guard let run = lookups[reference] else { return }
        guard isAlive(run.node, run.life) else { return lookups.remove(reference) }
        let view = nodes[run.node].machine.view
        switch run.lookup.step(in: view) {
        case .answer(let owner): finish(reference, .owner(owner, in: view, for: run.lookup))
        case .fail(let failure): finish(reference, .failure(failure))
        case .ask(let peer): ask(peer, reference, hops: run.lookup.hops + 1)
        }
    }

    func ask(_ peer: NodeReference, _ reference: RunReference, hops: Int) {
        lookups.change(reference) { run in
            run.attempt += 1
            run.asked = peer
            run.isAccepted = false
        }
        guard let run = lookups[reference] else { return }
        let request = LookupRequest(
            run: reference,
            attempt: run.attempt,
            target: run.lookup.target,
            joiner: run.lookup.joiner,
            hops: hops,
            hopBudget: run.lookup.hopBudget,
            deadline: run.deadline,
            avoided: run.lookup.toAvoid,
            receiver: hasPlaces && !run.hasOneContact ? peer.id : nil
        )
        let limit = min(run.deadline, now + local(lookupTimeout, of: run.node))
        heap.push(.silence(reference, attempt: run.attempt), at: limit)
        send(from: run.node, to: MachineNode.number(of: peer), .find(request))
    }

    /// A lookup has arrived at a node.
    func accept(_ request: LookupRequest, _ message: Message) {
        let number = message.to
        func reply(_ outcome: LookupOutcome) {
            answer(
                message.from,
                life: message.askerLife,
                from: number,
                .found(request.run, attempt: request.attempt, outcome)
            )
        }
        guard nodes[number].isUp else {
            if scenario.network.refusesWhenDown { reply(.refused) }
            return
        }
        let lookup = LookupMachine(
            target: request.target,
            joiner: request.joiner,
            hops: request.hops,
            hopBudget: request.hopBudget,
            avoiding: request.avoided
        )
        let view = nodes[number].machine.view
        // The node stands at another of its places now.
        if let receiver = request.receiver, receiver != view.node.id {
            return reply(.failure(.notMember))
        }
        switch lookup.step(in: view) {
        case .answer(let owner): reply(.owner(owner, in: view, for: lookup))
        case .fail(let failure): reply(.failure(failure))
        case .ask:
            answer(
                message.from,
                life: message.askerLife,
                from: number,
                .accepted(request.run, attempt: request.attempt)
            )
            advance(
                lookups.add(
                    MachineLookup(
                        node: number,
                        life: nodes[number].life,
                        lookup: lookup,
                        origin: .remote(
                            message.from,
                            askerLife: message.askerLife,
                            request.run,
                            attempt: request.attempt
                        ),
                        deadline: request.deadline
                    )
                )
            )
        }
    }

    func answered(_ reference: RunReference, _ attempt: Int32, _ outcome: LookupOutcome) {
        guard let run = lookups[reference], run.attempt == attempt else { return }
        if run.hasOneContact { return finish(reference, outcome) }
        switch outcome {
        case .owner, .deadline, .failure(.hopBudgetSpent), .failure(.nameTaken):
            finish(reference, outcome)
        case .failure(.notMember), .refused: blame(reference, isSuspect: true)
        case .failure(.exhausted): blame(reference, isSuspect: false)
        }
    }

    /// A peer timeout, or the deadline of the lookup, has expired.
    func silent(_ reference: RunReference, _ attempt: Int32) {
        guard let run = lookups[reference], run.attempt == attempt else { return }
        guard isAlive(run.node, run.life) else { return lookups.remove(reference) }
        if nodes[run.node].backlog != nil {
            nodes[run.node].backlog?.append(.silence(reference, attempt: attempt))
        } else if now >= run.deadline {
            finish(reference, .deadline)
        } else if run.isAccepted {
            heap.push(.silence(reference, attempt: attempt), at: run.deadline)
        } else if run.hasOneContact {
            finish(reference, .refused)
        } else {
            blame(reference, isSuspect: true)
        }
    }

    /// The next hop failed: the next best node is asked.
    private func blame(_ reference: RunReference, isSuspect: Bool) {
        guard let run = lookups[reference], let asked = run.asked else { return }
        lookups.change(reference) { $0.lookup.exclude(asked.id) }
        if isSuspect { perform(run.node) { $0.suspect(asked.id) } }
        advance(reference)
    }

    private func finish(_ reference: RunReference, _ outcome: LookupOutcome) {
        guard let run = lookups[reference] else { return }
        lookups.remove(reference)
        var owner: NodeReference?
        if case .owner(let found, _, _) = outcome { owner = found }
        switch run.origin {
        case .finger(let token):
            // The result is an event, because the machine may be inside the call that made the
            // request.
            heap.push(.fingerResolved(run.node, life: run.life, token, owner), at: now)
        case .rival(let token):
            heap.push(.rivalResolved(run.node, life: run.life, token, owner), at: now)
        case .place(let token):
            if hasPlaces, case .failure(.nameTaken) = outcome, let contact = run.asked {
                return findPlace(
                    of: run.node,
                    via: contact,
                    for: .placeHolder(token),
                    isJoiner: false
                )
            }
            heap.push(
                .placeResolved(
                    run.node,
                    life: run.life,
                    token,
                    outcome.place(of: nodes[run.node].reference)
                ),
                at: now
            )
        case .placeHolder(let token):
            let answer = owner.map { ChordMachine.PlaceAnswer.taken($0) } ?? .unknown
            heap.push(.placeResolved(run.node, life: run.life, token, answer), at: now)
        case .joining(let token):
            guard isAlive(run.node, run.life) else { return }
            lookedUp(run.node, token, isJoiner: run.lookup.joiner != nil, outcome)
        case .joiningPlace(let token, let index):
            guard isAlive(run.node, run.life) else { return }
            foundPlace(run.node, token, index, outcome)
        case .client(let call): clientAnswered(call, owner)
        case .remote(let asker, let life, let askerRun, let attempt):
            answer(
                asker,
                life: life,
                from: run.node,
                .found(askerRun, attempt: attempt, outcome)
            )
        }
    }

    // MARK: Clients

    func clientLookup() {
        guard !isHealed else { return }
        let mean = scenario.lookupInterval.nanoseconds
        heap.push(.clientLookup, at: now + generator.integer(in: (mean / 2)...(mean * 3 / 2)))
        guard let number = generator.element(of: everMembers), nodes[number].isMember else {
            return
        }
        let space = parameters.space
        var target = Identifier(generator.next() & space.largest.word3)
        if generator.chance(0.5), let other = generator.element(of: everMembers) {
            // At a node's identifier or right after it, where errors in half-open ranges show.
            let offset = Identifier(generator.below(2))
            target = space.adding(nodes[other].reference.id, offset)
        }
        clientLookup(of: target, at: number)
    }

    func clientLookup(of target: Identifier, at number: Int) {
        guard number < nodes.count, nodes[number].isMember else { return }
        let call = auditor.begin(target, at: now, owner: trueOwner(of: target))
        startLookup(target, at: number, for: .client(call))
    }

    private func clientAnswered(_ call: Int, _ owner: NodeReference?) {
        guard let started = auditor.end(call) else { return }
        guard let owner else {
            counts.lookupsFailed += 1
            return
        }
        counts.lookupsAnswered += 1
        let node = nodes[MachineNode.number(of: owner)]
        let rightNow = trueOwner(of: started.target)
        if owner.id != rightNow, owner.id != started.owner { counts.lookupsWrong += 1 }
        if node.isMember || node.memberUntil >= started.time { return }
        counts.lookupsDeparted += 1
        let age = started.time - node.memberUntil
        counts.longestDeparted = max(counts.longestDeparted, age)
        if !node.wasMember {
            report(
                .lookup,
                ["\(owner) was named as an owner and has never been a member"],
                after: "a lookup of \(started.target)"
            )
        } else if scenario.isTruthful, age > departedLimit {
            report(
                .lookup,
                ["\(owner) was named as an owner \(Self.text(age)) s after it had departed"],
                after: "a lookup of \(started.target)"
            )
        }
    }

    /// How long a departed node may still be named: until every list that contains it has been
    /// walked through from its head, with one peer timeout after each tick, and copied once more.
    private var departedLimit: Int64 {
        Int64(scenario.successorCount + 2) * 2 * (stabilize + peerTimeout)
    }

    /// The member at or after an identifier now.
    func trueOwner(of target: Identifier) -> Identifier? {
        let ids = auditor.members {
            nodes.filter(\.isMember).map(\.reference.id).sorted()
        }
        return ids.isEmpty
            ? nil : ids[LookupAuditor.firstIndex(atLeast: target, in: ids) % ids.count]
    }
}

extension LookupOutcome {
    /// The answer of a node that knows the owner.
    fileprivate static func owner(
        _ owner: NodeReference,
        in view: RoutingView,
        for lookup: LookupMachine
    ) -> LookupOutcome {
        .owner(
            owner,
            answering: view.node,
            successors: lookup.joiner == nil ? [] : view.state.successors
        )
    }

    /// The answer for a member that looks for its own place.
    fileprivate func place(of node: NodeReference) -> ChordMachine.PlaceAnswer {
        switch self {
        case .owner(_, let answering, let successors):
            if let head = successors.first, head.id == node.id, head.address != node.address {
                .taken(head)
            } else {
                .after(answering, isHead: successors.first?.id == node.id)
            }
        case .failure, .deadline: .unknown
        case .refused: .dead
        }
    }
}
