// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

// Joining as NodeShell does it: a lookup of one's own place through a contact, then the state of the
// member that answered, then the machine's own judgement.

extension MachineWorld {
    func startJoining(_ number: Int, via contact: Int, within spread: Int64 = 0) {
        nodes[number].contact = contact
        nodes[number].joinWait = scenario.timing.joinRetry.nanoseconds
        let delay = spread > 0 ? generator.integer(in: 0...spread) : 0
        heap.push(.seekPlace(number, life: nodes[number].life), at: now + delay)
    }

    func seekPlace(_ number: Int, _ life: UInt32) {
        guard isAlive(number, life), nodes[number].machine.phase == .notJoined else { return }
        nodes[number].joinAttempt += 1
        let attempt = nodes[number].joinAttempt
        heap.push(
            .placeExpired(number, life: life, attempt: attempt),
            at: now + local(2 * lookupDeadline, of: number)
        )
        var contact = nodes[number].contact
        if attempt > 1 || contact == number {
            // The shell goes through its contacts; anybody who has been a member may be one.
            // Once all is repaired, somebody tells it of one that is there.
            let known = isHealed ? everMembers.filter { nodes[$0].isMember } : everMembers
            guard let other = generator.element(of: known), other != number else {
                return joinFailed(number)
            }
            contact = other
        }
        let node = nodes[number].reference
        let lookup = LookupMachine(
            target: node.id,
            joiner: node,
            hopBudget: LookupMachine.defaultHopBudget(width: scenario.width)
        )
        let run = lookups.add(
            MachineLookup(
                node: number,
                life: life,
                lookup: lookup,
                origin: .joining(attempt: attempt),
                deadline: now + local(lookupDeadline, of: number)
            )
        )
        ask(nodes[contact].reference, run, hops: 0)
    }

    func joinFailed(_ number: Int) {
        guard nodes[number].machine.phase == .notJoined else { return }
        nodes[number].placeBefore = nil
        // What comes of this attempt later is not listened to.
        nodes[number].joinAttempt += 1
        let wait = nodes[number].joinWait
        nodes[number].joinWait = min(wait * 2, scenario.timing.joinRetryCap.nanoseconds)
        heap.push(
            .seekPlace(number, life: nodes[number].life),
            at: now + local(wait, of: number)
        )
    }

    func placeFound(_ number: Int, _ attempt: UInt32, _ outcome: LookupOutcome) {
        guard nodes[number].machine.phase == .notJoined, nodes[number].joinAttempt == attempt else {
            return
        }
        guard case .owner(_, let answering, _) = outcome else { return joinFailed(number) }
        nodes[number].placeBefore = answering.id
        send(from: number, to: MachineNode.number(of: answering), .askPlace(attempt: attempt))
    }

    func takePlace(_ number: Int, _ attempt: UInt32, _ answer: StateAnswer, _ event: Event) {
        guard nodes[number].machine.phase == .notJoined, nodes[number].joinAttempt == attempt else {
            return
        }
        guard case .state(let state) = answer else { return joinFailed(number) }
        var isIn = true
        perform(number, event) { machine in
            guard let directives = machine.join(after: state) else {
                isIn = false
                return []
            }
            return directives
        }
        if !isIn { joinFailed(number) }
    }

    /// A node that is alone, and joined through somebody once, asks those whom it was given again, as the
    /// shell does, with growing waits.
    func retryBootstrap(_ number: Int) {
        let node = nodes[number]
        guard node.machine.isAlone, node.contact != 0 else {
            node.ticksAlone = 0
            return
        }
        node.ticksAlone += 1
        // After 1, 2, 4, 8 and 16 ticks, and then every 16.
        let isDue = node.ticksAlone & (node.ticksAlone - 1) == 0 || node.ticksAlone % 16 == 0
        let known = isHealed ? everMembers.filter { nodes[$0].isMember } : everMembers
        guard isDue, let other = generator.element(of: known), other != number else { return }
        let contact = nodes[other].reference
        perform(number) { $0.merge(with: contact) }
    }
}
