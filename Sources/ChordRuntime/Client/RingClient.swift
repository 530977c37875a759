// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore
package import ChordHash
package import ChordRPC
import ChordWire
import NIOConcurrencyHelpers

/// Asks a ring without being a member. It needs one live address; the ring's parameters it learns from
/// whoever answers first.
package struct RingClient: Sendable {
    var contacts: [String]
    let transport: any ClientTransport
    package let executor: any NodeExecutor
    package let silence: SilenceLimits
    let lookups: LookupLimits
    let hashes: [HashFunction]
    private let kept = KeptContact()
    /// Closed with the client.
    package let gate = ClientGate()

    /// - Parameters:
    ///   - contacts: addresses of members; the next is tried when one is down.
    ///   - hashes: hash functions of one's own, for rings that use one.
    package init(
        contacts: [String],
        transport: any ClientTransport,
        executor: any NodeExecutor,
        silence: SilenceLimits,
        lookups: LookupLimits,
        hashes: [HashFunction] = []
    ) {
        self.contacts = contacts
        self.transport = transport
        self.executor = executor
        self.silence = silence
        self.lookups = lookups
        self.hashes = hashes
    }

    /// A member that answers, with the ring's parameters.
    struct Contact: Sendable {
        let target: PeerTarget
        let state: RingState
        let parameters: RingParameters
        let peers: PeerCalls
    }

    /// Calls in every dialect that there is: who only asks harms nobody with a question not understood.
    func makePeers() -> PeerCalls {
        PeerCalls(transport: transport, limits: silence, dialects: Set(DialectName.foreign))
    }

    /// The first of the addresses that answers as a member.
    ///
    /// - Throws: `noContact` with what each of them said.
    func contact() async throws(ChordError) -> Contact {
        try await first(
            asking: ChordMethods.getSuccessorList,
            GetSuccessorListRequest().encoded(in: .standard)
        ) { message, target, peers throws(WireError) in
            let parameters = try GetSuccessorListReply.parameters(of: message)
            let reply = try GetSuccessorListReply(decoding: message, space: parameters.space)
            return Contact(
                target: target,
                state: reply.state,
                parameters: parameters,
                peers: peers
            )
        }
    }

    /// Asks one address after the other until an answer can be read.
    ///
    /// - Throws: `noContact` with what each of them said.
    func first<Answer>(
        asking method: RPCMethod,
        _ message: [UInt8],
        _ read: ([UInt8], PeerTarget, PeerCalls) throws(WireError) -> Answer
    ) async throws(ChordError) -> Answer {
        var failures: [String] = []
        var reasons: [ChordError.Reason] = []
        for address in contacts where failures.isEmpty || !Task.isCancelled {
            let target = PeerTarget(bootstrap: address)
            let peers = makePeers()
            let result = await peers.call(
                method,
                at: target,
                message: message,
                timeout: silence.cap,
                on: executor
            )
            guard result.status.isOK else {
                let status = result.status
                if status.origin == .peer, status.code == .unimplemented {
                    failures.append(ChordError.speaksAnother(address))
                    reasons.append(.otherImplementation)
                    continue
                }
                failures.append(status.told(by: address))
                reasons += ChordError.Reason.of(status)
                continue
            }
            do throws(WireError) {
                return try read(result.message, target, peers)
            } catch {
                failures.append("\(address): \(error.message)")
            }
        }
        throw ChordError(
            .noContact,
            "no node answered: \(failures.joined(separator: "; "))",
            reasons: reasons
        )
    }

    /// The identifier of a key in the ring that answers.
    func identifier(of key: [UInt8], in parameters: RingParameters) throws(ChordError) -> Identifier
    {
        let known =
            hashes.first { $0.name == parameters.hash } ?? HashFunction.named(parameters.hash)
        guard let known else {
            throw ChordError(
                .parametersDiffer,
                "the ring hashes with \"\(parameters.hash)\", which this client does not have",
                reasons: [.customHash]
            )
        }
        guard
            known.identifier(of: RingParameters.probeText, in: parameters.space) == parameters.probe
        else {
            throw ChordError(
                .parametersDiffer,
                "the ring's hash \"\(parameters.hash)\" is not this client's function of that name",
                reasons: [.customHash]
            )
        }
        return known.identifier(of: key, in: parameters.space)
    }

    /// What is looked up: a key, or an identifier itself.
    package enum Subject: Sendable {
        case key([UInt8])
        case identifier(Identifier)
    }

    func identifier(
        of subject: Subject,
        in parameters: RingParameters
    ) throws(ChordError) -> Identifier {
        switch subject {
        case .key(let key): return try identifier(of: key, in: parameters)
        case .identifier(let id):
            guard parameters.space.contains(id) else {
                throw ChordError(
                    .invalidConfiguration,
                    "identifier \(id) has more than the ring's \(parameters.space.width) bits"
                )
            }
            return id
        }
    }

    /// What the members of the ring have in common, as the first that answers says.
    package func parameters() async throws(ChordError) -> RingParameters {
        try await contact().parameters
    }

    /// Looks up an owner: the ring forwards the question.
    ///
    /// The member that answered last is asked again; another is looked for when it does not answer, or is
    /// a member no more.
    package func lookup(
        _ subject: Subject,
        wantPath: Bool
    ) async throws(ChordError) -> LookupResult {
        if let contact = kept.contact {
            let (id, result) = try await ask(contact, subject, wantPath)
            let status = result.status
            guard status.isUnreachable || status.code == .failedPrecondition else {
                return try Self.result(of: result, id, from: contact)
            }
            kept.contact = nil
        }
        let contact = try await contact()
        kept.contact = contact
        let (id, result) = try await ask(contact, subject, wantPath)
        return try Self.result(of: result, id, from: contact)
    }

    private func ask(
        _ contact: Contact,
        _ subject: Subject,
        _ wantPath: Bool
    ) async throws(ChordError) -> (Identifier, ClientResult) {
        let id = try identifier(of: subject, in: contact.parameters)
        let request = FindSuccessorRequest(id: id, wantPath: wantPath)
        let result = await contact.peers.call(
            ChordMethods.findSuccessor,
            at: contact.target,
            message: request.encoded(in: contact.parameters.space),
            timeout: lookups.deadline,
            on: executor
        )
        return (id, result)
    }

    private static func result(
        of result: ClientResult,
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
        return try LookupResult.make(id, .success(reply)).get()
    }
}

extension Status {
    /// The failure of a call with the address that was called. Those of the transport name it.
    func told(by address: String) -> String {
        isUnreachable ? message : "\(address): \(message.isEmpty ? code.description : message)"
    }
}

/// The member that answered a client last, so that a lookup costs one call and not two.
final class KeptContact: Sendable {
    private let box = NIOLockedValueBox<RingClient.Contact?>(nil)

    var contact: RingClient.Contact? {
        get { box.withLockedValue { $0 } }
        set { box.withLockedValue { $0 = newValue } }
    }
}
