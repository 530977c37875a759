// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordRPC
import ChordRuntime
import ChordWire

// Checks while nodes run, and their conditions.

extension NodeWorld {
    /// Checks after a job of a node whether its place in the ring has changed.
    func look(at executor: SimulatedExecutor) {
        defer { lookAtAnswers() }
        guard let node = network.node(executor.number), node.executor === executor, node.isUp
        else { return }
        let view = node.shell.view
        lookForEnd(of: node, view)
        let owned = view.ownsRange ? view.range.lowerBound : nil
        if trace != nil, ownership.ownsOtherwise(node.number, at: view.node.id, after: owned) {
            note("\(view.node.name) owns \(owned.map { "what follows \($0)" } ?? "nothing")")
        }
        ownership.owns(
            node.number,
            at: view.node.id,
            after: owned,
            reported: view.isMember && view.tenure != .awaited ? view.range : nil,
            now: now
        )
        guard
            view.isMember != node.isMember || view.successors != node.successors
                || view.predecessor != node.predecessor
        else { return }
        let isChange = view.isMember != node.isMember
        node.isMember = view.isMember
        node.successors = view.successors
        node.predecessor = view.predecessor
        scheduler.hash.mix(view.predecessor.id.word3)
        for successor in view.successors { scheduler.hash.mix(successor.id.word3) }
        note(
            "\(view.predecessor.name) < \(view.node.name)\(view.isMember ? "" : "?") < "
                + view.successors.map(\.name).joined(separator: " ")
        )
        if isChange { membershipChanged(node) }
        report(.invariant, track(node), after: "work of \(view.node.name)")
    }

    /// Answers in flight count as applied: the resulting lists must satisfy the same conditions as
    /// present ones.
    private func lookAtAnswers() {
        guard network.hasNewAnswers else { return }
        network.hasNewAnswers = false
        guard tracker != nil else { return }
        let flaws = InvariantChecker.violations(in: snapshot(withPending: true))
        report(.invariant, flaws, after: "an answer set out")
    }

    private func membershipChanged(_ node: SimulatedNode) {
        auditor.ownersChanged()
        lastMembershipChange = now
        if node.isMember {
            checkPlace(of: node)
            counts.joined += 1
            if !node.wasMember { everMembers.append(node.number) }
            node.wasMember = true
        } else {
            node.memberUntil = now
        }
    }

    /// The process has ended, so it is not a member any more, whatever its state says.
    func ceased(_ node: SimulatedNode) {
        ownership.ended(node.number, at: node.reference.id, now: now)
        guard node.isMember else { return }
        node.isMember = false
        membershipChanged(node)
        report(.invariant, track(node), after: "the end of \(SimulatedNode.name(node.number))")
    }

    /// Passes a node's list to the tracker.
    ///
    /// - Returns: the new violations.
    func track(_ node: SimulatedNode) -> [String] {
        guard tracker != nil else { return [] }
        return tracker?.update(
            node.number,
            id: node.reference.id,
            isMember: node.isMember,
            lists: node.isMember ? [node.successors.map(\.id)] : []
        ) ?? []
    }

    /// The members' states. On request, with the lists in flight.
    func snapshot(withPending: Bool = false) -> RingSnapshot {
        var views: [RoutingView] = []
        var pending: [RingSnapshot.PendingList] = []
        for case let node? in network.nodes where node.isUp {
            if node.isMember { views.append(node.shell.view) }
            if withPending { pending += pendingLists(of: node) }
        }
        return RingSnapshot(
            members: views,
            pending: pending,
            successorCount: scenario.successorCount
        )
    }

    /// The lists that a node may have when the answers in flight to it arrive. These are answers of
    /// members up to its head, which it asks in order to copy their lists.
    private func pendingLists(of node: SimulatedNode) -> [RingSnapshot.PendingList] {
        let owner = node.reference
        return node.calls.keys.sorted().compactMap { key in
            guard let call = node.calls[key], let answer = call.answer,
                call.call.method == ChordMethods.getSuccessorList, answer.status.isOK,
                let reply = try? GetSuccessorListReply(
                    decoding: answer.message,
                    space: parameters.space
                )
            else { return nil }
            let state = reply.state
            let isJoiner = !node.isMember
            if isJoiner {
                // A joiner copies the list of the member before it; answers of other nodes do not
                // count.
                let head = state.successors.first { $0.id != owner.id }?.id ?? state.node.id
                guard owner.id.isBetween(state.node.id, and: head) else { return nil }
            } else if let head = node.successors.first?.id,
                !state.node.id.isIn(after: owner.id, through: head)
            {
                return nil
            }
            let list = SuccessorList(
                of: owner.id,
                from: isJoiner ? state.successors : [state.node] + state.successors,
                limit: scenario.successorCount
            )
            let ids = list.entries.map(\.id)
            return ids.isEmpty ? nil : RingSnapshot.PendingList(owner: owner.id, successors: ids)
        }
    }

    // MARK: Clients

    func scheduleClientLookup() {
        let mean = scenario.lookupInterval.nanoseconds
        let wait = generator.integer(in: (mean / 2)...(mean * 3 / 2))
        scheduler.schedule(at: now + wait, for: nil) { [self] in
            guard !isHealed else { return }
            scheduleClientLookup()
            guard let number = generator.element(of: everMembers) else { return }
            let space = parameters.space
            var target = Identifier(generator.next() & space.largest.word3)
            if generator.chance(0.5), let other = generator.element(of: everMembers),
                let node = network.node(other)
            {
                // At a node's identifier or right after it, where errors in half-open ranges show.
                let offset = Identifier(generator.below(2))
                target = space.adding(node.reference.id, offset)
            }
            clientLookup(of: target, at: number)
        }
    }

    func clientLookup(of target: Identifier, at number: Int) {
        guard let node = network.node(number), node.isUp, node.isMember else { return }
        let call = auditor.begin(target, at: now, owner: trueOwner(of: target))
        clientCalls[call] = ClientLookup(
            node: node,
            start: now,
            pausedBefore: node.paused(until: now)
        )
        let task = Task(executorPreference: node.executor) { [self] in
            do throws(ChordError) {
                answered(call, try await node.shell.lookup(target))
            } catch {
                answered(call, nil)
            }
        }
        _ = task
    }

    private func answered(_ call: Int, _ result: LookupResult?) {
        guard let client = clientCalls.removeValue(forKey: call), client.node.isUp,
            let begun = auditor.end(call)
        else { return }
        judgeTime(client)
        guard let owner = result?.owner else {
            counts.lookupsFailed += 1
            return
        }
        counts.lookupsAnswered += 1
        scheduler.hash.mix(owner.id.word3)
        judgeOwner(owner, of: begun)
    }

    /// A lookup must end within its deadline by its node's clock, which stops while the process is
    /// paused.
    private func judgeTime(_ client: ClientLookup) {
        let standing = client.node.paused(until: now) - client.pausedBefore
        let allowed =
            Double(scenario.timing.lookupDeadline.nanoseconds)
            * (1 + scenario.timing.clockSkew)
        guard now - client.start - standing > Int64(allowed) + 1_000_000 else { return }
        report(
            .lookup,
            ["a lookup at n\(client.node.number) took \(MachineWorld.text(now - client.start)) s"],
            after: "its deadline"
        )
    }

    private func judgeOwner(_ owner: NodeReference, of begun: LookupAuditor.Call) {
        let rightNow = trueOwner(of: begun.target)
        let number = SimulatedNode.number(ofAddress: owner.address) ?? 0
        let node = network.node(number)
        if owner.id != rightNow, owner.id != begun.owner {
            counts.lookupsWrong += 1
            note("wrong: \(owner.name) for \(begun.target)")
            // After a quiet time the ring has repaired itself, and every answer must be right.
            if scenario.isTruthful, begun.time - lastMembershipChange > settlingTime + sortingTime {
                report(
                    .lookup,
                    ["\(owner) was named the owner of \(begun.target) in a settled ring"],
                    after: "a lookup"
                )
            }
        }
        guard let node, node.wasMember, stoodAt[node.number]?.contains(owner.id) == true else {
            return report(
                .lookup,
                ["\(owner) was named as an owner and has never been a member"],
                after: "a lookup of \(begun.target)"
            )
        }
        if node.isMember || node.memberUntil >= begun.time { return }
        counts.lookupsDeparted += 1
        let age = begun.time - node.memberUntil
        counts.longestDeparted = max(counts.longestDeparted, age)
        if scenario.isTruthful, age > settlingTime {
            report(
                .lookup,
                [
                    "\(owner) was named as an owner \(MachineWorld.text(age)) s after it had departed"
                ],
                after: "a lookup of \(begun.target)"
            )
        }
    }

    /// How long a departed node may still be named: until every list that contains it has been
    /// walked through from its head, with one peer timeout after each tick, and copied once more.
    private var settlingTime: Int64 {
        Int64(scenario.successorCount + 2) * 2 * (stabilize + verdictTime)
    }

    /// How long joiners may take to find their places. Several joiners at one place are resolved
    /// one by one, and a busy neighbour costs another round.
    private var sortingTime: Int64 {
        let founders = scenario.birth == .founded ? scenario.founders.count : 0
        return 2 * Int64(max(0, counts.joined - founders)) * stabilize
    }

    /// The member at or after an identifier now.
    func trueOwner(of target: Identifier) -> Identifier? {
        let ids = auditor.members {
            network.nodes.compactMap { $0 }.filter { $0.isUp && $0.isMember }
                .map(\.reference.id).sorted()
        }
        return ids.isEmpty
            ? nil : ids[LookupAuditor.firstIndex(atLeast: target, in: ids) % ids.count]
    }

    /// Reports lookups that should have ended.
    func checkClientsServed() {
        for key in clientCalls.keys.sorted() {
            if let client = clientCalls[key] { judgeTime(client) }
        }
    }
}
