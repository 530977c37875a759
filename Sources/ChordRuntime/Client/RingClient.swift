// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
package import ChordHash
package import ChordRPC
import ChordWire

/// A client of a ring. It is not a member. It needs the address of one live member, and reads the
/// ring's parameters from the first answer.
package struct RingClient: Sendable {
    package internal(set) var contacts: [String]
    package let transport: any ClientTransport
    package let executor: any NodeExecutor
    package let failureDetection: FailureDetection
    let lookups: LookupLimits
    let hashes: [HashFunction]
    let kept = KeptContacts()
    /// The owners that answers have named, which are asked themselves.
    let owners: KnownOwners
    /// The gate is closed together with the client.
    package let gate = ClientGate()

    /// - Parameters:
    ///   - contacts: addresses of members; if one is down, the next is tried.
    ///   - hashes: custom hash functions, for rings that use one.
    package init(
        contacts: [String],
        transport: any ClientTransport,
        executor: any NodeExecutor,
        failureDetection: FailureDetection,
        lookups: LookupLimits,
        hashes: [HashFunction] = []
    ) {
        self.contacts = contacts
        self.transport = transport
        self.executor = executor
        self.failureDetection = failureDetection
        self.lookups = lookups
        owners = KnownOwners(lookups.memberCache)
        self.hashes = hashes
    }

    /// A member that answered, with the ring's parameters.
    struct Contact: Sendable {
        let target: PeerTarget
        let state: RingState
        let parameters: RingParameters
        let peers: PeerCalls
    }

    /// The calls of this client, in all dialects. A client tries every dialect: a request that the
    /// peer does not understand harms nothing.
    package func makePeers() -> PeerCalls {
        PeerCalls(
            transport: transport,
            limits: failureDetection,
            dialects: Set(DialectName.foreign)
        )
    }

    /// The first contact that answers as a member.
    ///
    /// - Throws: `noContact` with the error of each contact; `refused` if all refuse.
    func contact() async throws(ChordError) -> Contact {
        try await contact(among: contacts)
    }

    /// The first of these addresses that answers as a member.
    ///
    /// - Parameter failure: the beginning of the error's message.
    func contact(
        among addresses: [String],
        failing failure: String = "no node answered: "
    ) async throws(ChordError) -> Contact {
        try await first(
            of: addresses,
            asking: ChordMethods.getSuccessorList,
            GetSuccessorListRequest().encoded(in: .standard),
            failing: failure
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

    /// Asks one address after the other until an answer can be decoded.
    ///
    /// - Throws: `noContact` with the error of each address; `refused` if all refuse.
    func first<Answer>(
        of addresses: [String]? = nil,
        asking method: RPCMethod,
        _ message: [UInt8],
        failing failure: String = "no node answered: ",
        _ read: ([UInt8], PeerTarget, PeerCalls) throws(WireError) -> Answer
    ) async throws(ChordError) -> Answer {
        var failures: [String] = []
        var reasons: [ChordError.Reason] = []
        var refusals = 0
        for address in addresses ?? contacts where failures.isEmpty || !Task.isCancelled {
            let target = PeerTarget(bootstrap: address)
            let peers = makePeers()
            let result = await peers.call(
                method,
                at: target,
                message: message,
                timeout: failureDetection.cap,
                on: executor
            )
            guard result.status.isOK else {
                let status = result.status
                if status.origin == .peer, status.code == .unimplemented {
                    failures.append(ChordError.speaksAnother(address))
                    reasons.append(.otherImplementation)
                    continue
                }
                if status.origin == .peer, status.code == .permissionDenied { refusals += 1 }
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
        if refusals > 0, refusals == failures.count {
            throw ChordError(.refused, failures.joined(separator: "; "), reasons: reasons)
        }
        throw ChordError(
            .noContact,
            failure + failures.joined(separator: "; "),
            reasons: reasons
        )
    }

    /// The ring's hash function.
    ///
    /// - Throws: `parametersDiffer` if this client does not have the function, or has a different
    ///   one of that name.
    func hash(of parameters: RingParameters) throws(ChordError) -> HashFunction {
        let known =
            hashes.first { $0.name == parameters.hash } ?? HashFunction.named(parameters.hash)
        guard let known else {
            throw ChordError(
                .parametersDiffer,
                "the ring's hash function is \"\(parameters.hash)\", which this client does not have",
                reasons: [.customHash]
            )
        }
        guard
            known.identifier(of: RingParameters.probeText, in: parameters.space) == parameters.probe
        else {
            throw ChordError(
                .parametersDiffer,
                "the ring's hash function \"\(parameters.hash)\" differs from this client's of the same name",
                reasons: [.customHash]
            )
        }
        return known
    }

    func identifier(
        of subject: Subject,
        in parameters: RingParameters
    ) throws(ChordError) -> Identifier {
        switch subject {
        case .key(let key):
            return try hash(of: parameters).identifier(of: key, in: parameters.space)
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
}

extension Status {
    /// The status as a message with the called address. Messages of the transport contain it
    /// already.
    package func told(by address: String) -> String {
        isUnreachable ? message : "\(address): \(message.isEmpty ? code.description : message)"
    }
}
