// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore
import ChordRPC
import ChordWire

// Calls of `chord.v1.AdminService`, for operators.

extension RingClient {
    /// A node and its description. It need not be a member.
    struct Described: Sendable {
        let target: PeerTarget
        let peers: PeerCalls
        let description: NodeDescription
    }

    /// Describes the first contact that answers.
    ///
    /// - Throws: `noContact` with the error of each contact.
    func described() async throws(ChordError) -> Described {
        try await first(
            asking: AdminMethods.describe,
            DescribeRequest().encoded(in: .standard)
        ) { message, target, peers throws(WireError) in
            // The description contains the width of its identifiers.
            let reply = try DescribeReply(decoding: message, space: .standard)
            return Described(target: target, peers: peers, description: reply.description)
        }
    }

    /// Describes the first contact that answers.
    package func describe() async throws(ChordError) -> NodeDescription {
        try await described().description
    }

    /// Makes the only contact of this client leave its ring and stop.
    package func leave() async throws(ChordError) -> NodeReference {
        guard contacts.count == 1 else {
            throw ChordError(
                .invalidConfiguration,
                "leave needs a client with exactly one node, and this client has \(contacts.count): "
                    + contacts.joined(separator: ", ")
            )
        }
        let node = try await described()
        let _: AdminLeaveReply = try await command(
            AdminMethods.leave,
            AdminLeaveRequest(),
            to: node.target,
            node.peers,
            in: node.description.parameters.space,
            // The node's data move to other nodes first.
            timeout: .seconds(24 * 60 * 60)
        )
        return node.description.node
    }

    /// Asks the first member that answers to merge its ring with that of another node.
    package func merge(with address: String) async throws(ChordError) -> RingMerge {
        let contact = try await contact()
        let reply: AdminMergeReply = try await command(
            AdminMethods.merge,
            AdminMergeRequest(contact: address),
            to: contact.target,
            contact.peers,
            in: contact.parameters.space
        )
        return RingMerge(contact: reply.contact, wasOne: reply.wasOne)
    }

    /// Sends a command to a node.
    private func command<Reply: WireMessage>(
        _ method: RPCMethod,
        _ request: some WireMessage,
        to target: PeerTarget,
        _ peers: PeerCalls,
        in space: IdentifierSpace,
        timeout: Duration? = nil
    ) async throws(ChordError) -> Reply {
        let result = await peers.call(
            method,
            at: target,
            message: request.encoded(in: space),
            // The node calls other nodes before it answers.
            timeout: timeout ?? failureDetection.cap + failureDetection.cap,
            on: executor
        )
        guard result.status.isOK else {
            throw ChordError(commanding: method, result.status, at: target.address)
        }
        do throws(WireError) {
            return try Reply(decoding: result.message, space: space)
        } catch {
            throw ChordError(.invalidAnswer, "the answer of \(target.address)", cause: error)
        }
    }
}

extension ChordError {
    fileprivate init(commanding method: RPCMethod, _ status: Status, at address: String) {
        let command = method.name.lowercased()
        switch (status.origin, status.code) {
        case (.peer, .permissionDenied), (.peer, .unauthenticated):
            self.init(
                .refused,
                "\(address) refuses to \(command): \(status.message)",
                reasons: [.administratorsOnly]
            )
        case (.peer, .failedPrecondition) where method == AdminMethods.leave:
            self.init(.callFailed, "\(address) stays: \(status.message)", cause: status)
        case (.peer, .failedPrecondition):
            self.init(.parametersDiffer, "\(address) cannot \(command): \(status.message)")
        case (.peer, .invalidArgument): self.init(.invalidConfiguration, status.message)
        default:
            self.init(.noContact, status.told(by: address), reasons: Reason.of(status))
        }
    }
}
