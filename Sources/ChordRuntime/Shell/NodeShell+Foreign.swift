// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordIdentity
import ChordRPC
import ChordWire
import Logging

// Nodes of another make: joining through them, and what they claim.

extension NodeShell {
    /// A node of another make says that it may be our predecessor. It is asked itself first: its kind says
    /// nothing of the ring that it means, and its certificate may prove a host and no name.
    func claimed(by candidate: NodeReference) {
        guard machine.phase == .member, candidate.id != machine.node.id else { return }
        // It lives: whatever kept us from dialling it is over.
        peers.transport.resetBackoff(of: candidate.address)
        let known = machine.predecessor
        if known.id == candidate.id, known.address == candidate.address { return }
        // More than a few at once are no neighbours; who is one says so again.
        guard claimsUnderWay < 16 else { return }
        claimsUnderWay += 1
        state(of: candidate, isCertain: false) { [weak self] answer in
            self?.assumeIsolated { shell in
                shell.claimsUnderWay -= 1
                guard case .state(let state) = answer, state.node.id == candidate.id else {
                    shell.logger.debug(
                        "not taken for a predecessor",
                        metadata: [
                            LogKeys.peer: "\(candidate)", LogKeys.answer: "\(answer.kind)",
                        ]
                    )
                    return
                }
                shell.notified(by: state.node)
            }
        }
    }

    /// What a contact of another make says of the ring; nil where it speaks our dialect, or does not
    /// answer.
    func foreignState(of contact: PeerTarget) async -> PeerSaid? {
        guard peers.dialects.hasForeign else { return nil }
        let said = await peers.say(
            .state,
            to: contact,
            in: configuration.parameters,
            timeout: configuration.silence.cap,
            on: executor
        )
        return said.dialect.name != .native && said.result.status.isOK ? said : nil
    }

    /// One attempt to join through a contact of another make.
    ///
    /// - Returns: false where the ring changed meanwhile, so that another attempt may do.
    func joinForeign(through contact: PeerTarget, _ said: PeerSaid) async throws(ChordError) -> Bool
    {
        let parameters = configuration.parameters
        let named = try namedNodes(by: contact, said)
        let placed = named.filter { isRightlyPlaced($0) }
        guard !placed.isEmpty else {
            let misplaced = named.first.flatMap {
                Misplacement(of: $0, in: parameters, hash: configuration.hash)
            }
            throw ChordError(
                .parametersDiffer,
                "cannot join the ring of \(contact.address): "
                    + (misplaced?.description ?? "it names nobody")
            )
        }
        try await refuseLiveHolder(among: placed)
        let others = placed.filter { $0.id != machine.node.id }
        guard let before = try await memberBefore(among: others) else { return false }
        try await refuseLiveHolder(among: before.successors)
        guard machine.phase == .outside, end == nil else { return false }
        guard
            let directives = machine.join(
                after: before,
                incarnationLimit: latestIncarnation(.ofOurselves)
            )
        else { return false }
        perform(directives)
        return true
    }

    /// The nodes that a contact names: its predecessor and its list. The owner of our place is searched from
    /// there, by the nodes' states: to be asked for a member's identifier, which ours may have been a moment
    /// ago, can kill a node of another make.
    private func namedNodes(
        by contact: PeerTarget,
        _ said: PeerSaid
    ) throws(ChordError) -> [NodeReference] {
        let parameters = configuration.parameters
        let state: RingState?
        do throws(WireError) {
            state = try said.dialect.state(of: nil, from: said.answers, in: parameters)
        } catch {
            guard error.code != .invalidIdentifier else {
                throw ChordError(
                    .parametersDiffer,
                    "cannot join the ring of \(contact.address), whose identifiers are wider: "
                        + error.message,
                    cause: error
                )
            }
            throw ChordError(
                .invalidAnswer,
                "cannot join through \(contact.address)",
                cause: error
            )
        }
        guard let state else {
            throw ChordError(.noContact, "\(contact.address) is not ready yet")
        }
        // The list as it came: in a small ring it goes round, and names the contact itself.
        let list = (try? said.dialect.listed(in: said.answers, in: parameters)) ?? []
        return [state.predecessor] + list
    }

    private func memberBefore(among start: [NodeReference]) async throws(ChordError) -> RingState? {
        let search = OwnerSearch(
            for: machine.node.id,
            from: start,
            joiner: machine.node.id,
            questionLimit: LookupMachine.defaultHopBudget(
                width: configuration.parameters.space.width
            )
        )
        let view = machine.view
        let given = Status(.cancelled, "this node does not join any more", origin: .local)
        let result: Result<FindSuccessorReply, Status> = await executor.answer(
            orWhenCancelled: .failure(given)
        ) { [states, configuration, executor] completion in
            let lookup = ForeignLookup(
                search,
                view: view,
                states: states,
                floor: configuration.silence.maintenanceFloor,
                deadline: executor.now + configuration.lookups.deadline,
                executor: executor,
                completion: completion
            )
            lookup.start()
            return { lookup.cancel() }
        }
        switch result {
        case .failure(let status):
            throw ChordError(
                .noContact,
                "no member stands before this node's place: \(status.message)"
            )
        case .success(let reply):
            guard case .state(let state) = await stateAnswer(of: reply.answering) else {
                return nil
            }
            return state
        }
    }
}
