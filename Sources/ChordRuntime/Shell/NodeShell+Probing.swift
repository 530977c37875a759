// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordIdentity
import ChordRPC
import ChordWire
import Logging
import NIOConcurrencyHelpers

// One broken link is not a death: before this node drops or refuses a node that it cannot dial,
// other members try to reach it.

extension NodeShell {
    // MARK: Judging

    /// A node did not answer. Finds out whether other members reach it.
    ///
    /// - Parameter completion: receives `dead`; `unreached` if others reach the node; or `busy` if
    ///   our own link is to blame and nothing is known.
    func judgeSilence(
        of node: NodeReference,
        _ completion: @escaping @Sendable (isolated NodeShell, StateAnswer) -> Void
    ) {
        let helpers = helpers(for: node)
        guard !helpers.isEmpty else { return completion(self, .dead) }
        probe(node, through: helpers, with: claim(to: node)) { shell, verdict in
            switch verdict {
            case .reached: completion(shell, .unreached)
            case .notReached: completion(shell, .dead)
            case .unknown: completion(shell, shell.blamesLink() ? .busy : .dead)
            }
        }
    }

    /// The members to ask about a node. Members that answered before come first, and each round
    /// chooses others.
    func helpers(for node: NodeReference) -> [NodeReference] {
        var seen: Set<Identifier> = [machine.node.id, node.id]
        // A claimant that this node has reached can tell, too. It may be the only live node that this one knows
        // after a mass failure.
        let known =
            machine.successors.entries + [machine.predecessor] + machine.table.entries
            + reach.claims.reachedNodes
        let all = known.filter {
            seen.insert($0.id).inserted && !peers.dialects.isForeign($0.address)
        }
        guard !all.isEmpty else { return [] }
        reach.turn &+= 1
        let start = Int(UInt(bitPattern: reach.turn) % UInt(all.count))
        let turned = all[start...] + all[..<start]
        let answering = turned.filter { !reach.health.hasFailed($0.id) }
        let failed = turned.filter { reach.health.hasFailed($0.id) }
        return Array((answering + failed).prefix(ProbeRound.helperLimit))
    }

    /// Asks members whether they reach a node.
    ///
    /// - Parameter claim: this node's claim, if the node is its head. The members pass it on.
    func probe(
        _ node: NodeReference,
        through helpers: [NodeReference],
        with claim: RangeClaim? = nil,
        completion: @escaping Reach.ProbeCompletion
    ) {
        let key = reach.nextKey()
        reach.rounds[key] = (ProbeRound(helpers: helpers.count), completion)
        let request = ProbeRequest(node: node, parameters: parameters, claim: claim)
        let message = request.encoded(in: parameters.space)
        for helper in helpers {
            peers.call(
                ChordMethods.probe,
                of: helper,
                message: message,
                deadline: executor.now + configuration.failureDetection.probe,
                floor: configuration.failureDetection.maintenanceFloor,
                on: executor
            ) { [weak self] result in
                self?.assumeIsolated {
                    $0.probeAnswered(key, by: helper, about: node, claim, result)
                }
            }
        }
    }

    private func probeAnswered(
        _ key: Int,
        by helper: NodeReference,
        about node: NodeReference,
        _ claim: RangeClaim?,
        _ result: ClientResult
    ) {
        guard end == nil, let (before, completion) = reach.rounds[key] else { return }
        var round = before
        var answer: Bool?
        if result.status.isOK {
            let space = parameters.space
            let reply = try? ProbeReply(decoding: result.message, space: space)
            answer = reply?.isReached
            if let claim, let predecessor = reply?.predecessor {
                headNames(predecessor, head: node, inAnswerTo: claim)
            }
        }
        noteCall(to: helper.id, hasSucceeded: result.status.isOK || result.status.origin == .peer)
        let verdict = round.take(answer)
        guard let verdict else {
            reach.rounds[key] = (round, completion)
            return
        }
        reach.rounds[key] = nil
        logger.debug(
            "asked others about a node that does not answer",
            metadata: [LogKeys.answer: "\(verdict)"]
        )
        completion(self, verdict)
    }

    // MARK: Our own link

    /// Records the result of asking a node for its state.
    func noteAnswer(_ answer: StateAnswer, of node: NodeReference) {
        switch answer {
        case .state(let state):
            noteCall(to: node.id, hasSucceeded: true)
            reach.claims.answered(state.node)
            noteReached(node)
        case .notMember, .busy: noteCall(to: node.id, hasSucceeded: true)
        case .unreached: break
        case .dead:
            reach.claims.unanswered(node.id)
            // Calls to claimants, and probes for others, say nothing about our link.
            if isKnown(node) { noteCall(to: node.id, hasSucceeded: false) }
        }
    }

    private func isKnown(_ node: NodeReference) -> Bool {
        let known = [machine.predecessor] + machine.successors.entries + machine.table.entries
        return known.contains { $0.id == node.id && $0.address == node.address }
    }

    private func noteCall(to id: Identifier, hasSucceeded: Bool) {
        guard hasSucceeded else { return reach.health.failed(id) }
        reach.health.succeeded(id)
        reach.doubtsLinkSince = nil
        guard reach.isLinkToBlame else { return }
        reach.isLinkToBlame = false
        logger.notice("this node reaches other members again")
    }

    private static let linkToBlame =
        "no call of this node reaches a member, while calls of other members arrive: its own link is "
        + "faulty. Until a call succeeds, it takes no node for dead and sends no Notify. Allow connections "
        + "from this machine to the other members' ports"

    /// Whether our own link is to blame for our failed calls.
    func blamesLink() -> Bool {
        let window = configuration.intervals.stabilize * reach.health.windowTicks
        let isHeard = heard.time.map { executor.now - $0 <= window } ?? false
        guard reach.health.isLinkToBlame(isHeard: isHeard) else {
            reach.isLinkToBlame = false
            reach.doubtsLinkSince = nil
            return false
        }
        // The last caller may have died since. Only calls that arrive after our own calls failed
        // prove that others are alive. Until then no node counts as dead, and nothing is logged.
        let since = reach.doubtsLinkSince ?? executor.now
        reach.doubtsLinkSince = since
        if !reach.isLinkToBlame, let time = heard.time, time > since {
            reach.isLinkToBlame = true
            metrics.record(.ownLink)
            logger.error("\(Self.linkToBlame)")
        }
        return true
    }

    /// Logs once that other members reach a node and this one does not.
    func noteUnreached(_ node: NodeReference) {
        guard !reach.unreached.contains(where: { $0.id == node.id }) else { return }
        if reach.unreached.count >= Reach.limit { reach.unreached.removeFirst() }
        reach.unreached.append(node)
        metrics.record(.member)
        logger.warning(
            "this node cannot reach a member that other members reach; the member stays",
            metadata: [LogKeys.peer: "\(node.name)", LogKeys.address: "\(node.address)"]
        )
    }

    private func noteReached(_ node: NodeReference) {
        guard let index = reach.unreached.firstIndex(where: { $0.id == node.id }) else { return }
        reach.unreached.remove(at: index)
        logger.info("this node reaches a member again", metadata: [LogKeys.peer: "\(node)"])
    }

    func tickReach() {
        reach.ticks += 1
        reach.claims.tick()
        reach.health.tick()
        reach.budget.tick()
    }

    // MARK: Probing for others

    /// Another member asks whether this node reaches a node.
    ///
    /// - Parameter claim: the caller's claim, if the node is its head. It is passed on.
    func probed(
        _ node: NodeReference,
        by caller: PeerIdentity,
        claim: RangeClaim?,
        _ responder: Responder
    ) {
        let space = parameters.space
        @Sendable func say(_ isReached: Bool, predecessor: NodeReference? = nil) {
            let named = claim == nil ? nil : predecessor
            responder.succeed(
                ProbeReply(isReached: isReached, predecessor: named).encoded(in: space)
            )
        }
        guard machine.phase == .member, end == nil else {
            return responder.fail(machine.view.notMember)
        }
        if node.id == machine.node.id { return say(node.name == machine.node.name) }
        guard reach.budget.spend(caller: caller.name ?? "\(caller)", isKnown: isKnown(node)) else {
            return responder.fail(
                Status(
                    .resourceExhausted,
                    "\(machine.node.name) has reached its limit of probes for other nodes"
                )
            )
        }
        responder.accept()
        peers.transport.resetBackoff(of: node.address)
        let failureDetection = configuration.failureDetection
        var options = CallOptions(
            deadline: executor.now + failureDetection.probe,
            floor: failureDetection.maintenanceFloor
        )
        options.claim = claim
        options.claim?.isForwarded = true
        states.ask(node, options, isCertain: false, on: executor) { [weak self] answer in
            self?.assumeIsolated { shell in
                shell.noteAnswer(answer, of: node)
                switch answer {
                case .state(let state):
                    say(state.node.name == node.name, predecessor: state.predecessor)
                    shell.speak(for: caller, to: state)
                case .busy: say(true)
                case .notMember, .unreached: say(false)
                case .dead:
                    guard shell.blamesLink() else { return say(false) }
                    responder.fail(
                        Status(
                            .unavailable,
                            "no call of \(shell.machine.node.name) reaches a member, so it cannot tell"
                        )
                    )
                }
            }
        }
    }

    /// Tells a head whose predecessor has died of a member that cannot reach it. The link between
    /// the two is broken, so neither would learn of the other, and the range between them would
    /// have no owner.
    private func speak(for caller: PeerIdentity, to state: RingState) {
        let (head, before) = (state.node, state.predecessor)
        let known =
            [machine.node, machine.predecessor] + machine.successors.entries + machine.table.entries
        // The caller must be the last known member before the head's predecessor. A certificate that
        // proves only a host names no member, so the member is found by its place.
        let space = parameters.space
        let member = known.filter { $0.id != head.id && $0.id != before.id }
            .min {
                space.distance(from: $0.id, to: head.id) < space.distance(from: $1.id, to: head.id)
            }
        guard let member, before.id.isBetween(member.id, and: head.id), caller.mayBe(member) else {
            return
        }
        meet(head, contact: member)
    }
}

extension PeerIdentity {
    /// Whether the certificate can be a node's: it proves the node's name, or only its host.
    func mayBe(_ node: NodeReference) -> Bool {
        switch proof {
        case .spiffe: name == node.name
        case .host: holds(forHost: NetworkAddress.host(of: node.address))
        }
    }
}

/// The time of the last call from another member. It is written on the executor of each connection.
final class LastHeard: Sendable {
    private let box = NIOLockedValueBox<MonotonicTime?>(nil)

    var time: MonotonicTime? { box.withLockedValue { $0 } }

    func heard(at time: MonotonicTime) {
        box.withLockedValue { $0 = time }
    }
}
