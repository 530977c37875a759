// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
package import ChordCore
import ChordIdentity
import ChordRPC
import ChordWire
import Logging

// Founding a ring with a fixed set of founders: executes the directives of `FoundingMachine`.

extension NodeShell {
    /// The outcome of founding.
    enum FoundingOutcome {
        case began
        case join(through: [String], limit: Duration?)
        case failed(ChordError)
    }

    /// Takes part in founding a ring and waits until the ring has begun. If the ring exists
    /// already, the node joins it.
    ///
    /// - Parameters:
    ///   - addresses: the addresses of all founders, including this node's.
    ///   - limit: how long to wait for the other founders; nil stands for ever.
    /// - Throws: `invalidConfiguration` if this node is not among the founders; `parametersDiffer`,
    ///   `refused` or `nameTaken` if another founder does not fit; `noContact` if the time is over,
    ///   with the founders that have not answered; `stopped`.
    package func found(
        with addresses: [String],
        for limit: Duration?
    ) async throws(ChordError) {
        prepareFounding(with: addresses, for: limit)
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                foundingWaiter = continuation
                performFounding { $0.start(now: $1) }
                if end != nil || Task.isCancelled { stopFounding() }
            }
        } onCancel: {
            enter { $0.stopFounding() }
        }
        switch outcome {
        case .began: return
        case .join(let contacts, let limit): try await join(through: contacts, for: limit)
        case .failed(let error): throw error
        }
    }

    /// Starts to answer the calls of other founders.
    func prepareFounding(with addresses: [String], for limit: Duration?) {
        var settings = FoundingMachine.Settings()
        settings.retry = configuration.intervals.joinRetry
        settings.retryCap = configuration.intervals.joinRetryCap
        settings.lifetime = configuration.intervals.founderLifetime
        founding = FoundingMachine(
            node: machine.node,
            space: parameters.space,
            addresses: addresses,
            deadline: limit.map { machineTime + $0 },
            settings: settings,
            isPlaced: isRightlyPlaced,
            placements: parameters.placements,
            rule: states.rule
        )
    }

    /// Starts this node as a member of a ring whose members are known, without any call. It allows
    /// rings with more founders than a message can name.
    package func begin(among ring: [NodeReference]) {
        guard machine.phase == .notJoined, end == nil else { return }
        takePlace(in: ring)
    }

    /// Takes the place that a ring of founders gives to this node.
    private func takePlace(in ring: [NodeReference]) {
        let node = machine.node
        if let place = ring.first(where: { $0.name == node.name && $0.address == node.address }) {
            move(to: place)
        }
        beginStore(of: ring)
        reach.tenure.hold()
        perform(machine.found(with: ring))
    }

    /// Ends the wait for the ring, because the node has ended or the task was cancelled.
    func stopFounding() {
        guard foundingWaiter != nil else { return }
        do throws(ChordError) {
            try checkMayJoin()
            throw ChordError(.stopped, "joining was cancelled")
        } catch {
            endFounding(.failed(error))
        }
    }

    private func endFounding(_ outcome: FoundingOutcome) {
        foundingTimer?.cancel()
        foundingTimer = nil
        foundingWaiter.take()?.resume(returning: outcome)
    }

    // MARK: Directives

    private func performFounding(
        _ input: (inout FoundingMachine, Duration) -> [FoundingDirective]
    ) {
        guard [.notJoined, .founding].contains(machine.phase), end == nil, var founding else {
            return
        }
        let directives = input(&founding, machineTime)
        self.founding = founding
        for directive in directives { carryOut(directive) }
    }

    private func carryOut(_ directive: FoundingDirective) {
        switch directive {
        case .prepare: perform(machine.beginFounding())
        case .call(let address, let round):
            callFounder(at: PeerTarget(bootstrap: address)) { shell, answer in
                shell.performFounding { $0.answered(answer, at: address, inRound: round, now: $1) }
            }
        case .reach(let address):
            callFounder(at: PeerTarget(bootstrap: address)) { shell, answer in
                shell.performFounding { $0.reached(answer, at: address, now: $1) }
            }
        case .begin(let ring):
            logger.notice("began a new ring, together with the other founders")
            takePlace(in: ring)
            endFounding(.began)
        case .tell(let founder, let ring):
            callFounder(at: PeerTarget(founder), decided: ring) { [logger] result in
                // The founder learns of the ring with its next question.
                guard !result.status.isOK else { return }
                logger.debug(
                    "a founder was not told that the ring has begun",
                    metadata: [LogKeys.peer: "\(founder)", LogKeys.error: "\(result.status)"]
                )
            }
        case .beginAlone:
            beginNewRing()
            endFounding(.began)
        case .join(let contacts, let limit):
            perform(machine.ceaseFounding())
            endFounding(.join(through: contacts, limit: limit))
        case .retry(let wait):
            foundingTimer = executor.schedule(after: wait) { [weak self] in
                self?.assumeIsolated { shell in shell.performFounding { $0.timerFired(now: $1) } }
            }
        case .report(let missing):
            logger.info(
                "waiting for the other founders",
                metadata: [LogKeys.missing: .list(missing)]
            )
        case .passOver(let address, let error):
            logger.debug(
                "a founder does not answer yet",
                metadata: [LogKeys.peer: "\(address)", LogKeys.error: "\(ChordError(error))"]
            )
        case .giveUp(let error, let contacts):
            endFounding(.failed(ChordError(error, contacts: contacts)))
        }
    }

    // MARK: Calls

    private func callFounder(
        at target: PeerTarget,
        completion:
            @escaping @Sendable (isolated NodeShell, FoundingMachine.Answer) -> Void
    ) {
        callFounder(at: target, decided: []) { [weak self] result in
            self?.assumeIsolated { shell in
                completion(shell, shell.answer(of: target.address, result))
            }
        }
    }

    private func callFounder(
        at target: PeerTarget,
        decided: [NodeReference],
        completion: @escaping @Sendable (ClientResult) -> Void
    ) {
        let request = FoundRequest(
            founder: machine.node,
            parameters: parameters,
            initialRing: founding?.founders ?? [],
            decided: decided,
            capabilities: .own
        )
        peers.call(
            ChordMethods.found,
            at: target,
            message: request.encoded(in: parameters.space),
            deadline: executor.now + configuration.failureDetection.cap,
            floor: configuration.failureDetection.maintenanceFloor,
            on: executor,
            completion: completion
        )
    }

    private func answer(of address: String, _ result: ClientResult) -> FoundingMachine.Answer {
        do throws(ChordError) {
            let reply = try founderReply(of: address, result)
            let refusal = result.peer.flatMap {
                self.refusal(of: reply.node, claimedBy: $0, as: "founder")
            }
            let isProven = result.peer != nil && refusal == nil
            if isProven {
                heard(reply.capabilities, of: reply.node)
                note(reply.store, of: reply.node)
            }
            if reply.isMember {
                return .member(reply.node, isProven: isProven, founders: reply.decided)
            }
            if reply.node.address == address, let refusal {
                return .failed(JoinError(ChordError(.refused, refusal.message)))
            }
            return .founder(reply.node, isProven: isProven)
        } catch {
            return .failed(JoinError(error))
        }
    }

    /// A founder has told which store its disk belongs to.
    private func note(_ store: StoreID?, of founder: NodeReference) {
        guard founding?.founders.contains(founder.address) == true else { return }
        founderStores[founder.name] = store
    }

    private func founderReply(
        of address: String,
        _ result: ClientResult
    ) throws(ChordError) -> FoundReply {
        guard result.status.isOK else {
            guard (result.status.origin, result.status.code) == (.peer, .failedPrecondition) else {
                throw ChordError(joining: result.status, at: address)
            }
            throw ChordError(
                .parametersDiffer,
                "cannot found a ring with \(address): \(result.status.message)"
            )
        }
        do throws(WireError) {
            return try FoundReply(
                decoding: result.message,
                space: parameters.space
            )
        } catch {
            throw ChordError(.invalidAnswer, "cannot found a ring with \(address)", cause: error)
        }
    }

    /// Handles the call of another founder.
    func founded(
        with request: FoundRequest,
        from peer: PeerIdentity
    ) -> Result<FoundReply, Status> {
        let node = machine.node
        let founder = request.founder
        heard(request.capabilities, of: founder)
        switch machine.phase {
        case .member:
            let decided = founding?.founders(for: founder, now: machineTime) ?? []
            return .success(
                FoundReply(
                    node: node,
                    isMember: true,
                    decided: decided,
                    capabilities: .own,
                    store: parameters.store
                )
            )
        case .left: return .failure(machine.view.notMember)
        case .notJoined, .founding: break
        }
        guard var founding else {
            return .failure(
                Status(
                    .unavailable,
                    "\(node.name) neither founds a ring nor is a member of one"
                )
            )
        }
        let result = founding.called(
            by: founder,
            addresses: request.initialRing,
            decided: request.decided,
            isProven: peer.holds(forHost: NetworkAddress.host(of: founder.address)),
            now: machineTime
        )
        switch result {
        case .success(let directives):
            // The founder is alive: reset its dial backoff.
            peers.transport.resetBackoff(of: founder.address)
            note(request.parameters.store, of: founder)
            performFounding { machine, _ in
                machine = founding
                return directives
            }
            return .success(
                FoundReply(
                    node: node,
                    isMember: machine.phase == .member,
                    capabilities: .own,
                    store: parameters.store
                )
            )
        case .failure(.otherFounders(let own)):
            return .failure(
                Status(
                    .failedPrecondition,
                    "the initial ring of \(node.name) is \(own.joined(separator: ", ")), that of "
                        + "\(founder.name) is \(request.initialRing.joined(separator: ", "))"
                )
            )
        case .failure(.notFounder):
            return .failure(
                Status(
                    .permissionDenied,
                    "\(peer) is not a founder at \(founder.address): its certificate must be valid for the "
                        + "host of an address of the initial ring"
                )
            )
        }
    }
}
