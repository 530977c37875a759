// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordIdentity
import ChordRPC
import ChordWire
import Logging

// Reached before believed: a claimant for the predecessor's place is dialled first.

/// The state of reachability checks.
struct Reach {
    /// A node whose Notify waits for the verdict.
    struct Waiter {
        var key: Int
        var candidate: NodeReference
        /// Whether the claimant was passed to the machine.
        var isHandedOver = false
        /// The claimant's claim on its range.
        var claim: RangeClaim?
        var responder: Responder
        var timer: ScheduledWork
    }

    /// The head's report that it cannot reach this node.
    struct Refusal {
        var head: NodeReference
        var reason: String
        var address: String
        var since: MonotonicTime
        var count = 0
        /// The tick at which the head is notified again.
        var dueTick = 0
    }

    var ticks = 0
    var claims: ClaimTable
    var health = DialHealth()
    var budget = ProbeBudget()
    var tenure = RangeTenure()
    /// The head under which the tenure was last settled.
    var tenureHead: Identifier?
    /// How long the nodes before this one need to notice that the common head has died.
    var headLossTime: Duration?
    /// The time from which all nodes before this joiner have noticed that its former head has failed.
    var placeSureTime: MonotonicTime?
    /// The time of the last tick.
    var lastTick: MonotonicTime?
    var waiters: [Waiter] = []
    var refusal: Refusal?
    /// Rounds of indirect probes in progress.
    var rounds: [Int: (round: ProbeRound, completion: ProbeCompletion)] = [:]
    var lastKey = 0
    /// The position where the next round starts to choose helpers.
    var turn = 0
    /// Whether this node blames its own link, and has logged it.
    var isLinkToBlame = false
    /// Whether a search for this node's predecessor is in progress.
    var seeksPredecessor = false
    /// The time since which the own link may be to blame.
    var doubtsLinkSince: MonotonicTime?
    /// Members that others reach and this node does not, as logged so far.
    var unreached: [NodeReference] = []

    typealias ProbeCompletion = @Sendable (isolated NodeShell, ProbeRound.Verdict) -> Void

    /// The largest number of waiting claimants, and of remembered unreached members.
    static let limit = 32

    mutating func nextKey() -> Int {
        lastKey += 1
        return lastKey
    }
}

extension NodeShell {
    // MARK: Nodes that notify us

    /// A node claims to be this node's predecessor.
    ///
    /// - Parameters:
    ///   - mustAnswer: whether only a reply from its address proves the name, because its
    ///     certificate does not.
    ///   - claim: the claimant's claim on its range.
    ///   - responder: receives the verdict; nil if the caller's dialect has no verdicts.
    func claimed(
        by candidate: NodeReference,
        mustAnswer: Bool,
        claim: RangeClaim? = nil,
        responder: Responder?
    ) {
        func decide(_ verdict: NotifyVerdict) {
            if let responder { answer(responder, verdict, claim) }
        }
        guard machine.phase == .member, end == nil, candidate.id != machine.node.id else {
            return decide(.trying)
        }
        let known = machine.predecessor
        if known == candidate {
            perform(machine.notified(by: candidate))
            return decide(.taken)
        }
        // References from other implementations have no incarnation.
        if responder == nil, known.id == candidate.id, known.address == candidate.address { return }
        switch reach.claims.claimed(ClaimTable.Claim(candidate, mustAnswer: mustAnswer)) {
        case .reached(let node):
            wait(for: node, responder, claim)
            take(node)
        case .trying:
            wait(for: candidate, responder, claim)
            dialClaimants()
        case .notReached(let reason):
            decide(.notReached(address: candidate.address, reason: reason))
        }
    }

    private func wait(
        for candidate: NodeReference,
        _ responder: Responder?,
        _ claim: RangeClaim?
    ) {
        guard let responder else { return }
        guard reach.waiters.count < Reach.limit else {
            return answer(responder, .trying, claim)
        }
        // A dial can take longer than the caller's peer timeout. The early headers keep the caller
        // from taking this node for dead.
        responder.accept()
        let key = reach.nextKey()
        let timer = executor.schedule(after: configuration.failureDetection.cap / 2) {
            [weak self] in
            self?.assumeIsolated { shell in shell.decide(.trying) { $0.key == key } }
        }
        reach.waiters.append(
            Reach.Waiter(
                key: key,
                candidate: candidate,
                claim: claim,
                responder: responder,
                timer: timer
            )
        )
    }

    private func answer(_ responder: Responder, _ verdict: NotifyVerdict, _ claim: RangeClaim?) {
        var reply = NotifyReply(verdict, capabilities: .own)
        if verdict == .taken {
            // A node that has not been taken itself does not know where the range before it begins. And
            // while a former predecessor may still own its range, nobody else is given a part of it.
            if reach.tenure.hasJoined, machine.isPredecessorDefinite {
                if let claim { granted(claim) }
                reply.former = machine.nodeBeforePredecessor
            } else {
                reply.verdict = .trying
            }
        }
        responder.succeed(reply.encoded(in: parameters.space))
    }

    private func decide(_ verdict: NotifyVerdict, where isMeant: (Reach.Waiter) -> Bool) {
        for waiter in reach.waiters where isMeant(waiter) {
            waiter.timer.cancel()
            answer(waiter.responder, verdict, waiter.claim)
        }
        reach.waiters.removeAll(where: isMeant)
    }

    /// Passes a reached claimant to the machine.
    private func take(_ node: NodeReference) {
        for index in reach.waiters.indices where reach.waiters[index].candidate.id == node.id {
            reach.waiters[index].isHandedOver = true
        }
        perform(machine.notified(by: node))
        settleClaims()
    }

    /// Sends the machine's decision to the waiting claimants.
    func settleClaims() {
        guard !reach.waiters.isEmpty else { return }
        for waiter in reach.waiters where waiter.isHandedOver {
            let id = waiter.candidate.id
            if machine.predecessor.id == id {
                decide(.taken) { $0.key == waiter.key }
            } else if !machine.isConsidering(id) {
                decide(.nearerKnown) { $0.key == waiter.key }
            }
        }
    }

    private func dialClaimants() {
        for claim in reach.claims.nextDials() { dial(claim) }
    }

    private func dial(_ claim: ClaimTable.Claim) {
        let node = claim.node
        // The peer has called us, so it is alive: its dial backoff is void.
        peers.transport.resetBackoff(of: node.address)
        let failureDetection = configuration.failureDetection
        let options = CallOptions(
            deadline: executor.now + failureDetection.cap + failureDetection.connect,
            floor: failureDetection.maintenanceFloor
        )
        states.ask(node, options, isCertain: true, on: executor) { [weak self] answer, status in
            self?.assumeIsolated { $0.dialled(claim, answer, status) }
        }
    }

    private func dialled(_ claim: ClaimTable.Claim, _ answer: StateAnswer, _ status: Status) {
        guard end == nil else { return }
        let node = claim.node
        noteAnswer(answer, of: node)
        switch answer {
        case .state(let state) where state.node.id == node.id && state.node.name == node.name:
            succeeded(claim, as: state.node)
        case .busy where !claim.mustAnswer:
            // The claimant is busy with its own operation; its certificate has proved its name.
            succeeded(claim, as: node)
        case .busy:
            ended(claim)
            decide(.trying) { $0.candidate.id == node.id }
        case .state(let state):
            failed(claim, "\(state.node.name) answers there")
        case .notMember:
            failed(claim, "it answers that it is not a member of this ring")
        case .unreached, .dead:
            judgeUnreachable(claim, status.message)
        }
    }

    /// Asks other members to reach the claimant before it is refused.
    private func judgeUnreachable(_ claim: ClaimTable.Claim, _ reason: String) {
        let helpers = helpers(for: claim.node)
        guard !helpers.isEmpty else { return failed(claim, reason) }
        let count = helpers.count
        probe(claim.node, through: helpers) { shell, verdict in
            switch verdict {
            case .reached where !claim.mustAnswer:
                shell.noteUnreached(claim.node)
                shell.succeeded(claim, as: claim.node)
            case .reached: shell.failed(claim, reason)
            case .notReached:
                shell.failed(
                    claim,
                    "\(reason); \(count) other members were asked and cannot either"
                )
            case .unknown:
                guard shell.blamesLink() else { return shell.failed(claim, reason) }
                shell.ended(claim)
                shell.decide(.trying) { $0.candidate.id == claim.node.id }
            }
        }
    }

    private func succeeded(_ claim: ClaimTable.Claim, as node: NodeReference) {
        reach.claims.succeeded(claim, as: node)
        take(node)
        dialClaimants()
    }

    private func failed(_ claim: ClaimTable.Claim, _ reason: String) {
        let isNew = reach.claims.failed(claim, reason: reason)
        metrics.record(.claimant)
        if isNew {
            logger.warning(
                "a node that claims to be this node's predecessor cannot be reached and is not accepted",
                metadata: [
                    LogKeys.peer: "\(claim.node.name)", LogKeys.address: "\(claim.node.address)",
                    LogKeys.error: "\(reason)",
                ]
            )
        }
        decide(.notReached(address: claim.node.address, reason: reason)) {
            $0.candidate.id == claim.node.id
        }
        dialClaimants()
    }

    private func ended(_ claim: ClaimTable.Claim) {
        reach.claims.abandoned(claim)
        dialClaimants()
    }
}
