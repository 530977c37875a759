// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
package import ChordCore

/// "I may be your predecessor."
package struct NotifyRequest: WireMessage, Hashable {
    /// The caller itself.
    package var candidate: NodeReference
    /// The ring's parameters, as the caller knows them.
    package var parameters: RingParameters
    /// Whether the caller is the receiver's successor and only reports that its state has changed.
    package var changed: Bool
    /// What the caller's program can do.
    package var capabilities: Capabilities
    /// The caller's claim on its range.
    package var claim: RangeClaim?

    /// A request from its parts.
    package init(
        candidate: NodeReference,
        parameters: RingParameters,
        changed: Bool = false,
        capabilities: Capabilities = .first,
        claim: RangeClaim? = nil
    ) {
        self.candidate = candidate
        self.parameters = parameters
        self.changed = changed
        self.capabilities = capabilities
        self.claim = claim
    }

    package init(
        decoding bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) throws(WireError) {
        let name: StaticString = "NotifyRequest"
        self = try withUnpacked(name, bytes, chord__v1__notify_request__unpack) {
            message throws(WireError) in
            // The parameters are read first: if the widths differ, the caller must be told that,
            // and not that its identifier has the wrong length.
            let parameters = try message.parameters.parameters(
                space,
                FieldPath(message: name, field: "parameters")
            )
            return NotifyRequest(
                candidate: try message.candidate.node(
                    space,
                    FieldPath(message: name, field: "candidate")
                ),
                parameters: parameters,
                changed: message.changed != 0,
                capabilities: try message.capabilities.capabilities(
                    FieldPath(message: name, field: "capabilities")
                ),
                claim: try message.claim.claim(space, FieldPath(message: name, field: "claim"))
            )
        }
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {
        var arena = EncodingArena()
        var message = Chord__V1__NotifyRequest()
        chord__v1__notify_request__init(&message)
        message.candidate = arena.node(candidate, space)
        message.parameters = arena.parameters(parameters)
        message.changed = changed ? 1 : 0
        message.capabilities = arena.capabilities(capabilities)
        message.claim = arena.claim(claim, space)
        arena.pack(&message, appendingTo: &output)
    }
}
