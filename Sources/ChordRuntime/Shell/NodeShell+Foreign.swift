// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordIdentity
import ChordRPC
import ChordWire

// Joining through nodes of other implementations.

extension NodeShell {
    /// The state of a contact of another implementation. Nil if it speaks our dialect, or does not
    /// answer.
    func foreignState(of contact: PeerTarget) async -> PeerResponse? {
        guard peers.dialects.hasForeign else { return nil }
        let said = await peers.say(
            .state,
            to: contact,
            in: parameters,
            timeout: configuration.failureDetection.cap,
            on: executor
        )
        return said.dialect.name != .native && said.result.status.isOK ? said : nil
    }

    /// The members that a contact of another implementation names, without those at a wrong
    /// identifier.
    func namedMembers(
        by contact: PeerTarget,
        _ said: PeerResponse
    ) throws(ChordError) -> [NodeReference] {
        let named = try namedNodes(by: contact, said)
        let placed = named.filter { isRightlyPlaced($0) }
        guard placed.isEmpty else { return placed }
        let misplaced = named.first.flatMap {
            Misplacement(of: $0, in: parameters, hash: configuration.hash)
        }
        throw ChordError(
            .parametersDiffer,
            "cannot join the ring of \(contact.address): "
                + (misplaced?.description ?? "it names no other node")
        )
    }

    /// The nodes that a contact names: its predecessor and its list. The search for our place
    /// starts from them and uses only node states. A lookup of a member's identifier can crash a
    /// node of another implementation, and our identifier may have belonged to a member a moment
    /// ago.
    private func namedNodes(
        by contact: PeerTarget,
        _ said: PeerResponse
    ) throws(ChordError) -> [NodeReference] {
        let parameters = parameters
        let state: RingState?
        do throws(WireError) {
            state = try said.dialect.state(of: nil, from: said.answers, in: parameters)?.state
        } catch {
            // Identifiers that are too wide for this ring are read all the same: they are misplaced, and
            // the message can then name the node and the rule that it follows.
            if error.code == .invalidIdentifier,
                let dialect = Dialects.foreign(said.dialect.name),
                let wide = try? dialect.state(
                    of: nil,
                    from: said.answers,
                    in: dialect.widest(parameters)
                )
            {
                return [wide.state.predecessor]
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
        // The list as received: in a small ring it wraps around and contains the contact itself.
        let list = (try? said.dialect.listed(in: said.answers, in: parameters)) ?? []
        return [state.predecessor] + list
    }

    /// Searches the member before this node's place among members of other implementations.
    func searchPlace(
        among start: [NodeReference]
    ) async throws(ChordError) -> FindSuccessorReply {
        let search = OwnerSearch(
            for: machine.node.id,
            from: start,
            joiner: machine.node.id,
            questionLimit: LookupMachine.defaultHopBudget(
                width: parameters.space.width
            )
        )
        let view = machine.view
        let given = Status(.cancelled, "this node has stopped joining", origin: .local)
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
                "found no member before this node's place: \(status.message)"
            )
        case .success(let reply): return reply
        }
    }
}
