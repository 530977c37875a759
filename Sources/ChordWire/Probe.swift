// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
package import ChordCore

/// "Can you reach this node?"
package struct ProbeRequest: WireMessage, Hashable {
    /// The node to reach.
    package var node: NodeReference
    /// The ring's parameters, as the caller knows them.
    package var parameters: RingParameters
    /// The caller's claim on its range, if the node is its head: the receiver passes it on.
    package var claim: RangeClaim?

    /// A request from its parts.
    package init(node: NodeReference, parameters: RingParameters, claim: RangeClaim? = nil) {
        self.node = node
        self.parameters = parameters
        self.claim = claim
    }

    package init(
        decoding bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) throws(WireError) {
        let name: StaticString = "ProbeRequest"
        self = try withUnpacked(name, bytes, chord__v1__probe_request__unpack) {
            message throws(WireError) in
            // The parameters are read first, as in NotifyRequest.
            let parameters = try message.parameters.parameters(
                space,
                FieldPath(message: name, field: "parameters")
            )
            return ProbeRequest(
                node: try message.node.node(space, FieldPath(message: name, field: "node")),
                parameters: parameters,
                claim: try message.claim.claim(space, FieldPath(message: name, field: "claim"))
            )
        }
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {
        var arena = EncodingArena()
        var message = Chord__V1__ProbeRequest()
        chord__v1__probe_request__init(&message)
        message.node = arena.node(node, space)
        message.parameters = arena.parameters(parameters)
        message.claim = arena.claim(claim, space)
        arena.pack(&message, appendingTo: &output)
    }
}

/// Whether the node was reached.
package struct ProbeReply: WireMessage, Hashable {
    /// Whether the node has answered as a member, under its name.
    package var isReached: Bool
    /// The predecessor that the node has named, if the request had a claim.
    package var predecessor: NodeReference?

    /// A reply from its parts.
    package init(isReached: Bool, predecessor: NodeReference? = nil) {
        self.isReached = isReached
        self.predecessor = predecessor
    }

    package init(
        decoding bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) throws(WireError) {
        let name: StaticString = "ProbeReply"
        self = try withUnpacked(name, bytes, chord__v1__probe_reply__unpack) {
            message throws(WireError) in
            ProbeReply(
                isReached: message.reached != 0,
                predecessor: try message.predecessor.nodeIfPresent(
                    space,
                    FieldPath(message: name, field: "predecessor")
                )
            )
        }
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {
        var arena = EncodingArena()
        var message = Chord__V1__ProbeReply()
        chord__v1__probe_reply__init(&message)
        message.reached = isReached ? 1 : 0
        if let predecessor { message.predecessor = arena.node(predecessor, space) }
        arena.pack(&message, appendingTo: &output)
    }
}
