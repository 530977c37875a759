// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordIdentity
import ChordRPC
import ChordWire
import Logging

// Nodes of another make: joining through them.

extension NodeShell {
    /// What a contact of another make says of the ring; nil where it speaks our dialect, or does not
    /// answer.
    func foreignState(of contact: PeerTarget) async -> PeerResponse? {
        guard peers.dialects.hasForeign else { return nil }
        let said = await peers.say(
            .state,
            to: contact,
            in: configuration.parameters,
            timeout: configuration.failureDetection.cap,
            on: executor
        )
        return said.dialect.name != .native && said.result.status.isOK ? said : nil
    }

    /// One attempt to join through a contact of another make.
    ///
    /// - Returns: false where the ring changed meanwhile, so that another attempt may do.
    func joinForeign(through contact: PeerTarget, _ said: PeerResponse) async throws(ChordError)
        -> Bool
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
        guard var before = try await memberBefore(among: others) else { return false }
        try await refuseLiveHolder(among: before.successors)
        let head = head(after: before)
        if head.id != before.node.id {
            try await reachHead(head)
            // Its list is taken over as it is now.
            guard case .state(let state) = await stateAnswer(of: before.node) else { return false }
            guard self.head(after: state).id == head.id else { return false }
            before = state
        }
        guard machine.phase == .notJoined, end == nil else { return false }
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
        _ said: PeerResponse
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
                floor: configuration.failureDetection.maintenanceFloor,
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
