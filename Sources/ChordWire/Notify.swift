// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
package import ChordCore

/// "I may be your predecessor."
package struct NotifyRequest: WireMessage, Hashable {
    /// The caller itself.
    package var candidate: NodeReference
    /// What the caller takes the ring to be.
    package var parameters: RingParameters

    /// A request from its parts.
    package init(candidate: NodeReference, parameters: RingParameters) {
        self.candidate = candidate
        self.parameters = parameters
    }

    package init(
        decoding bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) throws(WireError) {
        let name: StaticString = "NotifyRequest"
        self = try withUnpacked(name, bytes, chord__v1__notify_request__unpack) {
            message throws(WireError) in
            // The parameters first: where widths differ, that is what the caller must hear, and not
            // that its identifier has the wrong length.
            let parameters = try message.parameters.parameters(
                space,
                FieldPath(message: name, field: "parameters")
            )
            return NotifyRequest(
                candidate: try message.candidate.node(
                    space,
                    FieldPath(message: name, field: "candidate")
                ),
                parameters: parameters
            )
        }
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {
        var arena = EncodingArena()
        var message = Chord__V1__NotifyRequest()
        chord__v1__notify_request__init(&message)
        message.candidate = arena.node(candidate, space)
        message.parameters = arena.parameters(parameters)
        arena.pack(&message, appendingTo: &output)
    }
}
