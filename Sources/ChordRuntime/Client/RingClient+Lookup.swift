// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore
import ChordHash
import ChordRPC
import ChordWire
import NIOConcurrencyHelpers

// Lookups of a client. A client is not a member and knows few nodes, so it can check little of the
// first answer. It rejects answers that contradict themselves or the ring's rule. A verified lookup
// also asks the owner.

extension RingClient {
    /// The subject of a lookup: a key or an identifier.
    package enum Subject: Sendable {
        case key([UInt8])
        case identifier(Identifier)
    }

    /// Looks up an owner recursively: the members forward the request.
    ///
    /// An owner that an earlier answer has named is asked itself, without the path: that costs one call.
    /// Otherwise the contact that answered last is asked first. The next contact is asked if this one does
    /// not answer, is not a member any more, returns an error, or gives an impossible answer.
    ///
    /// - Throws: the problem of the last answer; `noContact` if no contact answered.
    package func lookup(
        _ subject: Subject,
        wantPath: Bool
    ) async throws(ChordError) -> LookupResult {
        var unanswered: [ChordError] = []
        var refused: ChordError?
        var deadline: MonotonicTime?
        if !wantPath {
            let start = executor.now
            let owner = await askOwner(of: subject)
            if let answer = owner.answer { return answer }
            if owner.wasAsked { deadline = start + lookups.deadline }
        }
        let addresses = kept.order(contacts)
        for (index, address) in addresses.enumerated() {
            guard !Task.isCancelled || index == 0 else { break }
            let contact: Contact
            switch await keptContact(at: address) {
            case .success(let answer): contact = answer
            case .failure(let failure):
                if failure.code == .refused {
                    refused = failure
                } else {
                    unanswered.append(failure)
                }
                continue
            }
            let id = try identifier(of: subject, in: contact.parameters)
            // The deadline starts with the first request.
            let end = deadline ?? executor.now + lookups.deadline
            deadline = end
            let left = max(.zero, end - executor.now)
            let isLast = index == addresses.count - 1
            let result = await ask(
                contact,
                FindSuccessorRequest(id: id, wantPath: wantPath),
                timeout: isLast ? left : left * lookups.boundedAnswerShare
            )
            guard !result.status.isUnreachable else {
                kept.forget(address)
                unanswered.append(
                    ChordError(
                        .noContact,
                        result.status.told(by: address),
                        reasons: ChordError.Reason.of(result.status)
                    )
                )
                continue
            }
            do throws(ChordError) {
                let answer = try checked(result, id, from: contact)
                kept.prefer(address)
                owners.learn(from: answer, at: executor.now)
                return answer
            } catch {
                // The address may belong to another ring now, so its parameters must be read again.
                kept.forget(address)
                refused = error
            }
        }
        throw refused ?? ChordError(unanswered: unanswered)
    }

    func ask(
        _ contact: Contact,
        _ request: FindSuccessorRequest,
        timeout: Duration,
        silence: Duration? = nil
    ) async -> ClientResult {
        await contact.peers.call(
            ChordMethods.findSuccessor,
            at: contact.target,
            message: request.encoded(in: contact.parameters.space),
            timeout: timeout,
            floor: silence,
            connectLimit: silence,
            on: executor
        )
    }

    /// The member's answer, if it is possible.
    func checked(
        _ result: ClientResult,
        _ id: Identifier,
        from contact: Contact
    ) throws(ChordError) -> LookupResult {
        guard result.status.isOK else { throw ChordError(lookup: result.status) }
        let reply: FindSuccessorReply
        do throws(WireError) {
            reply = try FindSuccessorReply(
                decoding: result.message,
                space: contact.parameters.space
            )
        } catch {
            throw ChordError(
                .invalidAnswer,
                "the answer of \(contact.target.address)",
                cause: error
            )
        }
        var answer = try LookupResult.make(id, .success(reply)).get()
        guard let isPlaced = placement(in: contact.parameters) else {
            answer.arePlacesChecked = false
            return answer
        }
        let check = AnswerCheck(of: id, isPlaced: isPlaced)
        let passedOver = check.passedOver(
            owner: answer.owner,
            // The contact has just answered as a member.
            among: [contact.state.node]
        )
        let objection =
            check.objection(owner: answer.owner, answering: answer.answering)
            ?? passedOver.map { .passesOver($0, named: answer.owner) }
        if let objection {
            throw ChordError(
                .invalidAnswer,
                "the answer of \(contact.state.node.name) at \(contact.target.address) is impossible: "
                    + "\(objection)"
            )
        }
        answer.successors = check.placed(answer.successors)
        answer.path = answer.path.filter(isPlaced)
        return answer
    }

    /// Whether a node stands at one of the places that the ring's rule gives it. Nil if the client does
    /// not have the ring's hash function.
    func placement(
        in parameters: RingParameters
    ) -> (@Sendable (NodeReference) -> Bool)? {
        guard let hash = try? hash(of: parameters) else { return nil }
        let rule = PlaceRule(parameters, hash: hash)
        return { rule.isPlaced($0, count: parameters.placements) }
    }

    // MARK: Verified

    /// Looks up an owner over several paths that share no node. The owner must confirm the result.
    ///
    /// The paths start at the client's contacts, then at nodes that the contacts name.
    ///
    /// - Throws: `lookupFailed` if no owner confirmed; `parametersDiffer` if the client does not
    ///   have the ring's hash function; `noContact`.
    package func verifiedLookup(_ subject: Subject) async throws(ChordError) -> LookupResult {
        var members: [Contact] = []
        var unanswered: [ChordError] = []
        for address in kept.order(contacts) where members.count < max(1, lookups.verifiedWays) {
            switch await keptContact(at: address) {
            case .success(let contact): members.append(contact)
            case .failure(let failure): unanswered.append(failure)
            }
        }
        guard let first = members.first else { throw ChordError(unanswered: unanswered) }
        let parameters = first.parameters
        _ = try hash(of: parameters)
        guard let isPlaced = placement(in: parameters) else {
            throw ChordError(
                .parametersDiffer,
                "this client does not have the ring's hash function"
            )
        }
        for other in members.dropFirst() {
            guard let difference = parameters.difference(from: other.parameters) else { continue }
            throw ChordError(
                .parametersDiffer,
                "\(first.target.address) and \(other.target.address) are not in one ring: \(difference)"
            )
        }
        let id = try identifier(of: subject, in: parameters)
        let check = AnswerCheck(of: id, isPlaced: isPlaced)
        let named = members.flatMap { $0.state.successors + [$0.state.predecessor] }
        let search = VerifiedSearch(
            check,
            from: members.map(\.state.node) + check.placedOnes(named),
            ways: lookups.verifiedWays,
            named: members.compactMap {
                check.owner(in: $0.state.successors, of: $0.state.node.id)
            }
        )
        let lookup = VerifiedLookup(
            peers: first.peers,
            parameters: parameters,
            executor: executor,
            limits: lookups
        )
        do throws(ChordError) {
            return try await lookup.run(search, id)
        } catch {
            for contact in members { kept.forget(contact.target.address) }
            throw error
        }
    }

    // MARK: Contacts

    /// The member at an address, from an earlier answer or from a new call.
    func keptContact(at address: String) async -> Result<Contact, ChordError> {
        if let contact = kept.contact(at: address) { return .success(contact) }
        do throws(ChordError) {
            let contact = try await contact(among: [address], failing: "")
            kept.keep(contact)
            return .success(contact)
        } catch {
            return .failure(error)
        }
    }

    /// The ring's parameters, from the first contact that answers. They are read once.
    package func parameters() async throws(ChordError) -> RingParameters {
        if let contact = kept.preferred { return contact.parameters }
        do throws(ChordError) {
            let contact = try await contact()
            kept.keep(contact)
            return contact.parameters
        } catch {
            // A client of the store alone may be allowed neither to look up nor to walk.
            guard error.code == .refused else { throw error }
            return try await describe().parameters
        }
    }
}

extension ChordError {
    /// The error if no contact of a client answered.
    fileprivate init(unanswered: [ChordError]) {
        self.init(
            .noContact,
            "no node answered: \(unanswered.map(\.message).joined(separator: "; "))",
            reasons: unanswered.flatMap(\.reasons)
        )
    }
}

/// The members that have answered this client. They save one of two calls per lookup.
final class KeptContacts: Sendable {
    private struct State {
        var contacts: [String: RingClient.Contact] = [:]
        /// The address that answered the last lookup.
        var preferred: String?
    }

    private let state = NIOLockedValueBox(State())

    func contact(at address: String) -> RingClient.Contact? {
        state.withLockedValue { $0.contacts[address] }
    }

    /// The contact that answered last.
    var preferred: RingClient.Contact? {
        state.withLockedValue { state in state.preferred.flatMap { state.contacts[$0] } }
    }

    func keep(_ contact: RingClient.Contact) {
        state.withLockedValue { state in
            state.contacts[contact.target.address] = contact
            if state.preferred == nil { state.preferred = contact.target.address }
        }
    }

    func prefer(_ address: String) {
        state.withLockedValue { $0.preferred = address }
    }

    func forget(_ address: String) {
        state.withLockedValue { state in
            state.contacts[address] = nil
            if state.preferred == address { state.preferred = nil }
        }
    }

    /// The addresses, beginning with the one that answered last.
    func order(_ addresses: [String]) -> [String] {
        guard let preferred = state.withLockedValue({ $0.preferred }) else { return addresses }
        return addresses.filter { $0 == preferred } + addresses.filter { $0 != preferred }
    }
}
