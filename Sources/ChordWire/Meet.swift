// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
package import ChordCore

/// "My place is directly after yours", or "this contact belongs to another ring of the same name".
package struct MeetRequest: WireMessage, Hashable {
    /// The caller itself.
    package var node: NodeReference
    /// The ring's parameters, as the caller knows them.
    package var parameters: RingParameters
    /// A member of another ring; nil if the caller means itself.
    package var contact: NodeReference?

    /// A request from its parts.
    package init(node: NodeReference, parameters: RingParameters, contact: NodeReference? = nil) {
        self.node = node
        self.parameters = parameters
        self.contact = contact
    }

    package init(
        decoding bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) throws(WireError) {
        let name: StaticString = "MeetRequest"
        self = try withUnpacked(name, bytes, chord__v1__meet_request__unpack) {
            message throws(WireError) in
            // The parameters are read first, as in NotifyRequest.
            let parameters = try message.parameters.parameters(
                space,
                FieldPath(message: name, field: "parameters")
            )
            let node = try message.node.node(space, FieldPath(message: name, field: "node"))
            let contact = try message.contact.nodeIfPresent(
                space,
                FieldPath(message: name, field: "contact")
            )
            return MeetRequest(node: node, parameters: parameters, contact: contact)
        }
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {
        var arena = EncodingArena()
        var message = Chord__V1__MeetRequest()
        chord__v1__meet_request__init(&message)
        message.node = arena.node(node, space)
        message.parameters = arena.parameters(parameters)
        message.contact = contact.map { arena.node($0, space) }
        arena.pack(&message, appendingTo: &output)
    }
}
