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

    /// A request from its parts.
    package init(node: NodeReference, parameters: RingParameters) {
        self.node = node
        self.parameters = parameters
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
                parameters: parameters
            )
        }
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {
        var arena = EncodingArena()
        var message = Chord__V1__ProbeRequest()
        chord__v1__probe_request__init(&message)
        message.node = arena.node(node, space)
        message.parameters = arena.parameters(parameters)
        arena.pack(&message, appendingTo: &output)
    }
}

/// Whether the node was reached.
package struct ProbeReply: WireMessage, Hashable {
    /// Whether the node has answered as a member, under its name.
    package var isReached: Bool

    /// A reply from its parts.
    package init(isReached: Bool) {
        self.isReached = isReached
    }

    package init(
        decoding bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) throws(WireError) {
        self = try withUnpacked("ProbeReply", bytes, chord__v1__probe_reply__unpack) {
            message throws(WireError) in ProbeReply(isReached: message.reached != 0)
        }
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {
        var arena = EncodingArena()
        var message = Chord__V1__ProbeReply()
        chord__v1__probe_reply__init(&message)
        message.reached = isReached ? 1 : 0
        arena.pack(&message, appendingTo: &output)
    }
}
