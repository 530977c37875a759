// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordCore
import ChordRPC
import ChordWire
import Logging

// Merging rings that came apart, or that never met.

/// The result of a request to merge two rings.
public struct RingMerge: Hashable, Sendable {
    /// The node at the contact's address.
    public var contact: NodeReference
    /// True if the contact is already a member of the same ring, or is the asked node itself.
    /// Nothing was done then.
    public var wasOne: Bool

    /// A result from its parts.
    public init(contact: NodeReference, wasOne: Bool) {
        self.contact = contact
        self.wasOne = wasOne
    }
}

/// The contacts that a lone node asks again.
struct Company {
    /// The configured contact addresses.
    var addresses: [String] = []
    var nextIndex = 0
    var wait = Duration.zero
    /// The time of the next attempt; nil while the node is not alone, or while it asks.
    var due: MonotonicTime?
    var isAsking = false
}

extension NodeShell {
    /// The longest wait between two attempts of a lone node to reach its contacts.
    private static let longestWait = Duration.seconds(30)

    // MARK: Calls of peers

    func offered(by candidate: NodeReference) {
        peers.transport.resetBackoff(of: candidate.address)
        perform(machine.offered(by: candidate))
    }

    /// A member names a node: a member of another ring, or this node's real predecessor, which
    /// cannot reach this node itself.
    func met(_ contact: NodeReference) {
        let (before, own) = (machine.predecessor.id, machine.node.id)
        guard machine.phase == .member, end == nil, let head = machine.successors.head,
            contact.id != own, contact.id != before, !contact.id.isBetween(before, and: own),
            !reach.seeksPredecessor
        else { return perform(machine.met(contact)) }
        reach.seeksPredecessor = true
        lookForPlace(through: head) { shell, answer in
            shell.reach.seeksPredecessor = false
            guard case .after(let member, isHead: true) = answer, member.id == contact.id else {
                return shell.perform(shell.machine.met(contact))
            }
            // Members of our own ring name the node too. It is dialled, or others reach it. It can
            // take the place only if our predecessor is dead.
            shell.claimed(by: member, mustAnswer: false, responder: nil)
        }
    }

    // MARK: Directives

    func findPlace(_ token: Token, through contact: NodeReference) {
        lookForPlace(through: contact) { shell, answer in
            shell.perform(shell.machine.resolvePlace(answer, for: token))
        }
    }

    private func lookForPlace(
        through contact: NodeReference,
        _ completion:
            @escaping @Sendable (isolated NodeShell, ChordMachine.PlaceAnswer) -> Void
    ) {
        let space = parameters.space
        let request = FindSuccessorRequest(
            id: machine.node.id,
            joiner: machine.node,
            parameters: parameters
        )
        peers.call(
            ChordMethods.findSuccessor,
            of: contact,
            message: request.encoded(in: space),
            deadline: executor.now + configuration.lookups.deadline,
            floor: configuration.failureDetection.maintenanceFloor,
            on: executor
        ) { [weak self] result in
            self?.assumeIsolated { shell in
                guard (result.status.origin, result.status.code) != (.peer, .alreadyExists) else {
                    return shell.lookForHolder(of: shell.machine.node.id, contact, completion)
                }
                let answer = shell.place(result)
                shell.logger.trace(
                    "looked up this node's own place",
                    metadata: [LogKeys.peer: "\(contact)", LogKeys.answer: "\(answer)"]
                )
                completion(shell, answer)
            }
        }
    }

    /// A node of the contact's ring stands at this node's own place: the contact is asked which.
    private func lookForHolder(
        of place: Identifier,
        _ contact: NodeReference,
        _ completion:
            @escaping @Sendable (isolated NodeShell, ChordMachine.PlaceAnswer) -> Void
    ) {
        let space = parameters.space
        peers.call(
            ChordMethods.findSuccessor,
            of: contact,
            message: FindSuccessorRequest(id: place).encoded(in: space),
            deadline: executor.now + configuration.lookups.deadline,
            floor: configuration.failureDetection.maintenanceFloor,
            on: executor
        ) { [weak self] result in
            self?.assumeIsolated { shell in
                let reply =
                    result.status.isOK
                    ? try? FindSuccessorReply(decoding: result.message, space: space) : nil
                let owner = reply?.owner.flatMap { shell.admissible([$0]).first }
                completion(shell, owner.map { .taken($0) } ?? .unknown)
            }
        }
    }

    private func place(_ result: ClientResult) -> ChordMachine.PlaceAnswer {
        guard result.status.isOK else {
            return PeerLiveness(result.status) == .dead ? .dead : .unknown
        }
        do throws(WireError) {
            let reply = try FindSuccessorReply(
                decoding: result.message,
                space: parameters.space
            )
            guard isRightlyPlaced(reply.answering) else { return .unknown }
            let head = reply.answeringSuccessors.first
            let isHead = head?.id == machine.node.id
            if isHead, let head, head.address != machine.node.address, isRightlyPlaced(head) {
                return .taken(head)
            }
            return .after(reply.answering, isHead: isHead)
        } catch {
            return .unknown
        }
    }

    /// - Parameters:
    ///   - contact: the node that the peer is told of; nil stands for this node itself.
    ///   - completion: called once the peer has answered, or its time is over.
    func meet(
        _ peer: NodeReference,
        contact: NodeReference?,
        completion: @escaping @Sendable (isolated NodeShell) -> Void = { _ in }
    ) {
        let request = MeetRequest(
            node: machine.node,
            parameters: parameters,
            contact: contact
        )
        peers.call(
            ChordMethods.meet,
            of: peer,
            message: request.encoded(in: parameters.space),
            deadline: executor.now + configuration.failureDetection.cap,
            floor: configuration.failureDetection.maintenanceFloor,
            on: executor
        ) { [weak self] result in
            self?.assumeIsolated { shell in
                // No retry is needed: lost members are asked again.
                if !result.status.isOK {
                    shell.logger.debug(
                        "meeting failed",
                        metadata: [LogKeys.peer: "\(peer)", LogKeys.error: "\(result.status)"]
                    )
                }
                completion(shell)
            }
        }
    }

    // MARK: Requests of operators

    /// Merges this node's ring with that of a contact. The call returns when the contact has
    /// answered; the rings merge after that. Nothing is done if the contact is a member of this
    /// node's ring.
    ///
    /// - Throws: `notMember` if this node is not a member; `parametersDiffer`, with both sides'
    ///   values; `noContact`, `refused` or `nameTaken`.
    package func merge(through address: String) async throws(ChordError) -> RingMerge {
        try checkIsMember()
        let state: RingState
        do throws(ChordError) {
            let reply = try await memberReply(of: PeerTarget(bootstrap: address))
            if let difference = parameters.difference(from: reply.parameters) {
                throw ChordError(JoinError.parametersDiffer(at: address, difference))
            }
            state = reply.state
        } catch  where error.code == .notMember {
            // The contact is not a member. The code `notMember` would say that this node is not.
            throw ChordError(.noContact, error.message)
        }
        try checkIsMember()
        guard isRightlyPlaced(state.node) else {
            throw ChordError(
                .invalidAnswer,
                "\(state.node) does not have the identifier that the ring's rule gives it"
            )
        }
        let isItself =
            state.node.id == machine.node.id && state.node.address == machine.node.address
        guard state.node.id != machine.node.id || isItself else {
            throw ChordError(
                .nameTaken,
                "\(state.node) has the same identifier as this node, \(machine.node): stop one of them"
            )
        }
        if isItself { return RingMerge(contact: state.node, wasOne: true) }
        if await isMemberHere(state.node) {
            return RingMerge(contact: state.node, wasOne: true)
        }
        try checkIsMember()
        perform(machine.merge(with: state.node))
        return RingMerge(contact: state.node, wasOne: false)
    }

    /// Whether a node is a member of this node's ring: a lookup of its identifier from here leads
    /// to it. False if that cannot be found out.
    private func isMemberHere(_ node: NodeReference) async -> Bool {
        guard !machine.isAlone else { return false }
        let found = try? await lookup(node.id)
        return found?.owner.id == node.id && found?.owner.name == node.name
    }

    private func checkIsMember() throws(ChordError) {
        guard machine.phase == .member else {
            throw ChordError(.notMember, "\(configuration.name) is not a member of a ring")
        }
    }

    // MARK: Former members

    /// Asks members that this node knew before its restart. It asks now and then, until each has
    /// answered or another ring is found.
    package func remember(_ former: [NodeReference]) {
        machine.remember(former.flatMap { admissible([$0]) })
    }

    /// The nodes that this node knows, neighbours first.
    package func acquaintances(atMost count: Int) -> [NodeReference] {
        var seen: Set<Identifier> = [machine.node.id]
        let known = [machine.predecessor] + machine.successors.entries + machine.acquaintances
        return Array(known.filter { seen.insert($0.id).inserted }.prefix(count))
    }

    /// A reference to a node that was a member before this node's restart, from its name and
    /// address.
    package nonisolated func reference(
        name: String,
        address: String,
        incarnation: UInt64,
        placeIndex: Int = 0
    ) -> NodeReference {
        let node = NodeReference(
            id: .zero,
            name: name,
            address: address,
            incarnation: incarnation
        )
        return states.rule.node(node, at: placeIndex)
    }

    // MARK: A node alone

    /// Asks the contacts again, with growing waits, while the node is alone.
    func retryBootstrap() {
        guard machine.isAlone, !company.addresses.isEmpty else {
            company.due = nil
            return
        }
        let now = executor.now
        guard let due = company.due else {
            company.wait = configuration.intervals.stabilize
            company.due = now + company.wait
            return
        }
        guard now >= due, !company.isAsking else { return }
        company.isAsking = true
        let longest = max(Self.longestWait, configuration.intervals.stabilize)
        company.wait = min(company.wait * 2, longest)
        company.due = now + company.wait
        let address = company.addresses[company.nextIndex % company.addresses.count]
        company.nextIndex += 1
        Task(executorPreference: executor) {
            do throws(ChordError) {
                let contact = try await self.merge(through: address).contact
                self.logger.info(
                    "this node was alone, and found a ring",
                    metadata: [LogKeys.peer: "\(contact)"]
                )
            } catch {
                self.logger.debug(
                    "this node is alone, and could not reach",
                    metadata: [LogKeys.peer: "\(address)", LogKeys.error: "\(error)"]
                )
            }
            await self.askedForCompany()
        }
    }

    private func askedForCompany() {
        company.isAsking = false
    }
}
