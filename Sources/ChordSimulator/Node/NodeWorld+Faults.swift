// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordHash
import ChordRPC
import ChordRuntime

// Execution of a scenario's faults.

extension NodeWorld {
    func apply(_ fault: Fault) {
        note(fault.text)
        switch fault {
        case .crash(let number): fail(number) { self.crash($0) }
        case .restart(let number, let via): restart(number, via: via)
        case .bounce(let number, let down):
            fail(number) { node in
                self.crash(node)
                self.scheduler.schedule(at: self.now + down.nanoseconds, for: nil) { [self] in
                    restart(number, via: everMembers.first { $0 != number } ?? number)
                }
            }
        case .pause(let number, let length): pause(number, for: length.nanoseconds)
        case .join(let number, let id, let via): join(number, id: id, via: via)
        case .twin(let number, let original, let via):
            guard network.node(original) != nil else { return }
            startImpostor(number, .twin(of: original), via: via)
        case .intrude(let number, let id, let via):
            startImpostor(number, .intruder(id), via: via)
        case .leave(let number): fail(number, isLeaving: true) { self.leave($0) }
        case .partition(let left, let right):
            counts.partitions += 1
            network.links.block(left, right)
            network.links.block(right, left)
        case .partitionOneway(let left, let right):
            counts.partitions += 1
            network.links.block(left, right)
        case .firewall(let left, let right):
            counts.partitions += 1
            network.links.firewall(left, right)
        case .repair(let left, let right):
            network.links.unblock(left, right)
            network.links.unblock(right, left)
        case .repairAll: network.links.unblockAll()
        case .hold(let from, let to): network.links.hold(from: from, to: to)
        case .release(let from, let to):
            network.links.release(from: from, to: to)
            network.releaseHeld()
        case .lookup(let number, let target): clientLookup(of: target, at: number)
        }
    }

    // MARK: Failing

    /// Lets a node fail, unless the scenario wants admissible failures only and the proof does not
    /// admit this one.
    private func fail(
        _ number: Int,
        isLeaving: Bool = false,
        _ how: (SimulatedNode) -> Void
    ) {
        guard let node = network.node(number), node.isUp else { return }
        if node.isMember, scenario.admitsOnly, !admitsFailure(of: node, isLeaving: isLeaving) {
            counts.refusedFailures += 1
            return
        }
        how(node)
    }

    /// Whether every other member keeps a live successor and r + 1 principals remain. Messages in
    /// flight count as arrived.
    private func admitsFailure(of node: SimulatedNode, isLeaving: Bool) -> Bool {
        // While a node leaves, its Leave messages and the resulting lists are in flight.
        let isSomebodyLeaving = network.nodes.contains { other in
            other?.calls.values.contains { $0.call.method == ChordMethods.leave } ?? false
        }
        if scenario.expectsInvariant, isSomebodyLeaving { return false }
        if let tracker, !tracker.admitsFailure(of: node.number) { return false }
        var ring = snapshot(withPending: true)
        let id = node.reference.id
        ring.members.removeAll { $0.node.id == id }
        ring.pending.removeAll { $0.owner == id }
        if isLeaving { ring.pending += listsAfterLeaveNotice(of: node) }
        ring.pending += listsAfterVerdicts().filter { $0.owner != id }
        guard ring.members.count > scenario.successorCount else { return false }
        // A split ring can merge as long as a member knows of the other part.
        if !scenario.isTruthful { return groups(without: node.number) == 1 }
        return InvariantChecker.violations(in: ring).isEmpty
    }

    /// The future lists of members whose query did not reach their head. They will take the head
    /// for dead, although it may have restarted by now under the same name and at the same place.
    private func listsAfterVerdicts() -> [RingSnapshot.PendingList] {
        network.nodes.compactMap { node in
            guard let node, node.isUp, node.isMember, node.successors.count > 1,
                let head = node.successors.first,
                node.calls.values.contains(where: {
                    $0.isUnheard && $0.call.method == ChordMethods.getSuccessorList
                        && $0.call.target.address == head.address
                })
            else { return nil }
            let rest = node.successors.dropFirst().map(\.id)
            return RingSnapshot.PendingList(owner: node.reference.id, successors: rest)
        }
    }

    func machine(of node: SimulatedNode) -> ChordMachine {
        scheduler.run(as: node.executor) { node.shell.assumeIsolated { $0.machine } }
    }

    /// The number of groups whose members know no member of another group.
    func groups(without number: Int = 0) -> Int {
        var known: [Int: [Int]] = [:]
        for case let other? in network.nodes
        where other.number != number && other.isUp {
            let machine = machine(of: other)
            guard machine.phase != .member else {
                known[other.number] = machine.acquaintances.compactMap {
                    SimulatedNode.number(ofAddress: $0.address)
                }
                continue
            }
            // The knowledge of a node that has left is lost.
            guard machine.phase == .notJoined else { continue }
            // The node may be about to join, and then knows only the member whose list it asks for.
            let asked = other.calls.values.filter {
                $0.call.method == ChordMethods.getSuccessorList
            }.compactMap { call in
                SimulatedNode.number(ofAddress: call.call.target.address).flatMap(network.node)
            }
            let members = asked.filter(\.isMember).map(\.number)
            if !members.isEmpty { known[other.number] = members }
        }
        return Acquaintance.groups(known)
    }

    /// The lists of a node's neighbours after it leaves. A Leave contains the leaver's list. An
    /// outdated list may pass over a member that a silent failure of the leaver would not affect.
    private func listsAfterLeaveNotice(of node: SimulatedNode) -> [RingSnapshot.PendingList] {
        var leaver = machine(of: node)
        var lists: [RingSnapshot.PendingList] = []
        for case .sendLeave(let peer, let leaveNotice) in leaver.leave() {
            guard let number = SimulatedNode.number(ofAddress: peer.address),
                let neighbour = network.node(number), neighbour.isUp, neighbour.isMember
            else { continue }
            var after = machine(of: neighbour)
            _ = after.neighbourLeft(leaveNotice)
            let successors = after.successors.entries.map(\.id)
            lists.append(RingSnapshot.PendingList(owner: peer.id, successors: successors))
        }
        return lists
    }

    func crash(_ node: SimulatedNode) {
        counts.crashes += 1
        end(node)
    }

    /// The process ends. Its remaining jobs run without any effect on other nodes, so that its
    /// tasks end and its memory is freed.
    func end(_ node: SimulatedNode) {
        guard node.isUp else { return }
        node.isUp = false
        node.executor.die()
        network.ended(node)
        ceased(node)
        node.connections = [:]
        scheduler.run(as: node.executor) {
            node.shell.assumeIsolated { $0.fail(ChordError(.stopped, "the process has ended")) }
            for key in node.calls.keys.sorted() {
                node.calls[key]?.cancel()
            }
        }
        scheduler.drain(node.executor)
        for key in clientCalls.keys.sorted() where clientCalls[key]?.node === node {
            clientCalls[key] = nil
            _ = auditor.end(key)
        }
    }

    private func leave(_ node: SimulatedNode) {
        counts.left += 1
        node.isLeaving = true
        let task = Task(executorPreference: node.executor) { [self] in
            await node.shell.leave()
            // The process cannot end during one of its own jobs, so the end is scheduled.
            scheduler.schedule(at: now, for: nil) { [self] in end(node) }
        }
        _ = task
    }

    // MARK: Joining

    private func join(_ number: Int, id: Identifier, via: Int) {
        guard number > 0, network.node(number) == nil,
            hash.identifier(
                of: SimulatedNode.name(number),
                in: parameters.space
            ) == id
        else { return }
        let isTaken = network.nodes.contains { $0?.reference.id == id }
        guard !isTaken else { return }
        let node = makeNode(number)
        network.add(node)
        startJoining(node, through: contacts(of: number, via: via))
    }

    private func restart(_ number: Int, via: Int) {
        guard let former = network.node(number), !former.isUp else { return }
        counts.restarts += 1
        let node = makeNode(number, life: former.life + 1)
        node.memberUntil = former.memberUntil
        node.wasMember = former.wasMember
        network.add(node)
        startJoining(node, through: contacts(of: number, via: via))
    }

    /// The contacts in a node's configuration: one node, and some more in case that one is down.
    func contacts(of number: Int, via: Int) -> [Int] {
        let others = generator.elements(3, of: everMembers.filter { $0 != number && $0 != via })
        return (via == number || network.node(via) == nil ? [] : [via]) + others
    }

    func startJoining(_ node: SimulatedNode, through contacts: [Int]) {
        // A node without a contact would found a ring of its own.
        guard node.isUp, !contacts.isEmpty else { return end(node) }
        node.contacts = contacts
        node.isJoining = true
        let addresses = contacts.map(SimulatedNode.address)
        let task = Task(executorPreference: node.executor) { [self] in
            do throws(ChordError) {
                let place = rememberedPlace(of: node.number)
                try await node.shell.join(through: addresses, for: nil, placeIndex: place)
            } catch {
                guard node.isUp, error.code != .stopped else { return }
                if isRightlyRefused(node.number, error) {
                    note("n\(node.number) ends: \(error.message)")
                    node.isEnding = true
                    scheduler.schedule(at: now, for: nil) { [self] in end(node) }
                    return
                }
                if error.code == .unreachable, !scenario.isTruthful {
                    note("n\(node.number) ends: \(error.message)")
                    // The restart is scheduled, because it cannot happen during a job of the node.
                    // It is what an operator would do.
                    let again = now + 4 * stabilize
                    scheduler.schedule(at: now, for: nil) { [self] in end(node) }
                    scheduler.schedule(at: again, for: nil) { [self] in
                        restart(node.number, via: node.contacts.first ?? node.number)
                    }
                    return
                }
                report(.join, ["\(node.reference) cannot join: \(error)"], after: "its attempts")
            }
            node.isJoining = false
        }
        _ = task
    }

    // MARK: Pausing

    private func pause(_ number: Int, for length: Int64) {
        guard let node = network.node(number), node.isUp, !node.executor.isPaused else { return }
        counts.pauses += 1
        node.executor.pause()
        node.pausedSince = now
        scheduler.schedule(at: now + length, for: nil) { [self] in resume(node) }
    }

    private func resume(_ node: SimulatedNode) {
        guard node.isUp, let since = node.pausedSince else { return }
        node.pausedTotal += now - since
        node.pausedSince = nil
        node.executor.resume()
    }

    // MARK: Repair

    /// Repairs everything; paused nodes continue. A node whose contacts are all not members can
    /// never join, so it gets another contact, as from an operator.
    func heal() {
        isHealed = true
        note("healed")
        network.links.heal()
        network.settings.loss = 0
        if !network.settings.staysSlow { network.settings.delay = MachineWorld.calmDelay }
        network.releaseHeld()
        for case let node? in network.nodes where node.isUp { resume(node) }
        rescueJoiners()
    }

    func rescueJoiners() {
        for case let node? in network.nodes where node.isUp && node.isJoining && !node.isMember {
            let hasContact = node.contacts.contains { number in
                network.node(number).map { $0.isUp && $0.isMember } ?? false
            }
            guard !hasContact else { continue }
            let members = network.nodes.compactMap { $0 }.filter { $0.isUp && $0.isMember }
            end(node)
            guard let contact = members.first else { continue }
            let next = makeNode(node.number, life: node.life + 1)
            next.memberUntil = node.memberUntil
            next.wasMember = node.wasMember
            network.add(next)
            startJoining(next, through: [contact.number])
        }
    }
}
