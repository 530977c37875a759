// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordWire

extension NodeShell {
    /// A node on the way says that a live member stands in this node's place. It may lie, which would keep
    /// this node out of the ring for good: the member is looked up and asked itself.
    ///
    /// - Returns: false where no such member answers, so that another attempt may do.
    /// - Throws: `nameTaken` where it does; `noContact`.
    func refuseClaimedHolder(through contact: PeerTarget) async throws(ChordError) -> Bool {
        let space = configuration.parameters.space
        let result = await peers.call(
            ChordMethods.findSuccessor,
            at: contact,
            message: FindSuccessorRequest(id: machine.node.id).encoded(in: space),
            timeout: configuration.lookups.deadline,
            on: executor
        )
        guard result.status.isOK else {
            throw ChordError(joining: result.status, at: contact.address)
        }
        let reply: FindSuccessorReply
        do throws(WireError) {
            reply = try FindSuccessorReply(decoding: result.message, space: space)
        } catch {
            throw ChordError(
                .invalidAnswer,
                "the answer of \(contact.address) to a lookup",
                cause: error
            )
        }
        guard let owner = reply.owner, isRightlyPlaced(owner) else { return false }
        try await refuseLiveHolder(among: [owner])
        return false
    }
}

extension Status {
    /// Whether a peer says that the joining node is a member already.
    var isNameTaken: Bool { origin == .peer && code == .alreadyExists }
}
