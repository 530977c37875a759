// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore
import ChordRPC
import ChordWire

// An operator's command to a ring.

extension RingClient {
    /// Tells the first node that answers to make its ring and that of a contact one.
    package func merge(with address: String) async throws(ChordError) -> NodeReference {
        let contact = try await contact()
        let space = contact.parameters.space
        let result = await contact.peers.call(
            AdminMethods.merge,
            at: contact.target,
            message: AdminMergeRequest(contact: address).encoded(in: space),
            // The node dials another before it answers.
            timeout: silence.cap + silence.cap,
            on: executor
        )
        guard result.status.isOK else {
            throw ChordError(merging: result.status, at: contact.target.address)
        }
        do throws(WireError) {
            return try AdminMergeReply(decoding: result.message, space: space).contact
        } catch {
            throw ChordError(
                .invalidAnswer,
                "the answer of \(contact.target.address)",
                cause: error
            )
        }
    }
}

extension ChordError {
    fileprivate init(merging status: Status, at address: String) {
        switch (status.origin, status.code) {
        case (.peer, .permissionDenied), (.peer, .unauthenticated):
            self.init(.refused, "\(address) does not merge rings for this client: \(status)")
        case (.peer, .failedPrecondition):
            self.init(.parametersDiffer, "\(address) cannot merge: \(status.message)")
        case (.peer, .invalidArgument): self.init(.invalidConfiguration, status.message)
        default: self.init(.noContact, "\(address): \(status)")
        }
    }
}
