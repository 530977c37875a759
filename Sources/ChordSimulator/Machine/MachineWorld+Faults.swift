// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

// Execution of a scenario's faults.

extension MachineWorld {
    func apply(_ fault: Fault) {
        switch fault {
        case .crash(let number): fail(number) { self.crash(number) }
        case .restart(let number, let via): restart(number, via: via)
        case .bounce(let number, let down):
            fail(number) {
                self.crash(number)
                let via = self.everMembers.first { $0 != number } ?? number
                self.heap.push(.restart(number, via: via), at: self.now + down.nanoseconds)
            }
        case .pause(let number, let length):
            guard isKnown(number), nodes[number].isUp, nodes[number].backlog == nil else { return }
            counts.pauses += 1
            nodes[number].backlog = []
            heap.push(.resume(number), at: now + length.nanoseconds)
        case .join(let number, let id, let via):
            guard number > 0, !isKnown(number), !takenIds.contains(id) else { return }
            add(number, id: id)
            startJoining(number, via: isKnown(via) ? via : number)
        case .twin(let number, let original, let via):
            startTwin(number, of: original, via: via)
        case .intrude(let number, let id, let via): startIntruder(number, at: id, via: via)
        case .leave(let number):
            fail(number, isLeaving: true) {
                self.counts.left += 1
                self.perform(number) { $0.leave() }
                self.heap.push(
                    .exit(number, life: self.nodes[number].life),
                    at: self.now + 2 * self.peerTimeout
                )
            }
        case .partition(let left, let right):
            counts.partitions += 1
            network.block(left, right)
            network.block(right, left)
        case .partitionOneway(let left, let right):
            counts.partitions += 1
            network.block(left, right)
        case .firewall(let left, let right):
            counts.partitions += 1
            network.firewall(left, right)
        case .repair(let left, let right):
            network.unblock(left, right)
            network.unblock(right, left)
        case .repairAll: network.unblockAll()
        case .hold(let from, let to): network.hold(from: from, to: to)
        case .release(let from, let to):
            network.release(from: from, to: to)
            releaseWaiting()
        case .lookup(let number, let target): clientLookup(of: target, at: number)
        }
    }

    func isKnown(_ number: Int) -> Bool {
        number > 0 && number < nodes.count
            && MachineNode.number(of: nodes[number].reference) == number
    }

    /// Lets a node fail, unless the scenario wants admissible failures only and the proof does not
    /// admit this one.
    private func fail(_ number: Int, isLeaving: Bool = false, _ how: () -> Void) {
        guard isKnown(number), nodes[number].isUp else { return }
        if nodes[number].isMember, scenario.admitsOnly {
            guard admitsFailure(of: number, isLeaving: isLeaving) else {
                counts.refusedFailures += 1
                return
            }
        }
        how()
    }

    func admitsFailure(of number: Int, isLeaving: Bool) -> Bool {
        guard let tracker else {
            // Suspicions may be false, or the ring is still forming: the present lists are judged.
            var ring = snapshot()
            ring.members.removeAll { $0.node.id == nodes[number].reference.id }
            guard ring.members.count > scenario.successorCount else { return false }
            // A split ring can merge as long as a member knows of the other part.
            return groups(without: number) == 1
                && (!isTruthful || InvariantChecker.violations(in: ring).isEmpty)
        }
        guard tracker.admitsFailure(of: number) else { return false }
        return !isLeaving || admitsLeaveNotice(of: number, tracker)
    }

    /// The number of groups whose members know no member of another group.
    func groups(without number: Int = 0) -> Int {
        var known: [Int: [Int]] = [:]
        let others = nodes.indices.filter {
            $0 != number && nodes[$0].isUp && !nodes[$0].isIntruder
        }
        for other in others where nodes[other].machine.phase == .member {
            let acquaintances = nodes[other].machine.acquaintances.filter(isReachable)
            known[other] = acquaintances.map { MachineNode.number(of: $0) }
        }
        // A joiner knows only the member whose list it asks for.
        for other in others where nodes[other].machine.phase == .notJoined {
            guard
                let member = nodes[other].joining?.memberBefore.map({ MachineNode.number(of: $0) }),
                known[member] != nil
            else { continue }
            known[other] = [member]
        }
        return Acquaintance.groups(known)
    }

    /// A Leave contains the leaver's list, and lists in flight count. An outdated list may pass
    /// over a member that a silent failure of the leaver would not affect.
    private func admitsLeaveNotice(of number: Int, _ before: InvariantTracker) -> Bool {
        var after = before
        var leaver = nodes[number].machine
        var violations = after.update(number, id: leaver.node.id, isMember: false, lists: [])
        for case .sendLeave(let peer, let leaveNotice) in leaver.leave() {
            let neighbour = MachineNode.number(of: peer)
            guard nodes[neighbour].isMember else { continue }
            var machine = nodes[neighbour].machine
            _ = machine.neighbourLeft(leaveNotice)
            violations += after.update(
                neighbour,
                id: peer.id,
                isMember: true,
                lists: lists(of: neighbour) + [machine.successors.entries.map(\.id)]
            )
        }
        return violations.isEmpty && after.principals > scenario.successorCount
    }

    func crash(_ number: Int) {
        guard nodes[number].isUp else { return }
        counts.crashes += 1
        if nodes[number].isMember { nodes[number].memberUntil = now }
        nodes[number].isUp = false
        nodes[number].backlog = nil
        nodes[number].inbound = []
        auditor.ownersChanged()
        touched(number, .exit(number, life: nodes[number].life))
    }

    func restart(_ number: Int, via: Int) {
        guard isKnown(number), !nodes[number].isUp else { return }
        counts.restarts += 1
        let former = nodes[number]
        add(
            number,
            id: former.firstPlace,
            life: former.life + 1,
            name: former.reference.name
        )
        nodes[number].formerPlace = former.formerPlace
        nodes[number].isIntruder = former.isIntruder
        nodes[number].memberUntil = former.memberUntil
        nodes[number].wasMember = former.wasMember
        startJoining(number, via: isKnown(via) && via != number ? via : number)
    }

    func resume(_ number: Int) {
        guard let backlog = nodes[number].backlog else { return }
        nodes[number].backlog = nil
        for event in backlog {
            handle(event)
            if violation != nil { return }
        }
    }

    /// Repairs everything; paused nodes continue.
    func heal() {
        isHealed = true
        network.heal()
        releaseWaiting()
        for number in nodes.indices where nodes[number].backlog != nil { resume(number) }
    }
}
