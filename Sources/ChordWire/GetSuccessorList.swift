// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
package import ChordCore

/// "What is your state in the ring?"
package struct GetSuccessorListRequest: WireMessage, Hashable {
    /// The ring's parameters, as the caller knows them; nil for a client. Their width may differ
    /// from the receiver's.
    package var parameters: RingParameters?
    /// What the caller's program can do.
    package var capabilities: Capabilities
    /// The caller's claim on its range, if it takes the receiver for its head.
    package var claim: RangeClaim?

    /// A request from its parts.
    package init(
        parameters: RingParameters? = nil,
        capabilities: Capabilities = .first,
        claim: RangeClaim? = nil
    ) {
        self.parameters = parameters
        self.capabilities = capabilities
        self.claim = claim
    }

    package init(
        decoding bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) throws(WireError) {
        let name: StaticString = "GetSuccessorListRequest"
        self = try withUnpacked(name, bytes, chord__v1__get_successor_list_request__unpack) {
            message throws(WireError) in
            GetSuccessorListRequest(
                parameters: try message.parameters.parametersIfPresent(
                    FieldPath(message: name, field: "parameters")
                ),
                capabilities: try message.capabilities.capabilities(
                    FieldPath(message: name, field: "capabilities")
                ),
                claim: try message.claim.claim(space, FieldPath(message: name, field: "claim"))
            )
        }
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {
        var arena = EncodingArena()
        var message = Chord__V1__GetSuccessorListRequest()
        chord__v1__get_successor_list_request__init(&message)
        if let parameters { message.parameters = arena.parameters(parameters) }
        message.capabilities = arena.capabilities(capabilities)
        message.claim = arena.claim(claim, space)
        arena.pack(&message, appendingTo: &output)
    }
}

/// A node's state in the ring, all from the same moment, and the ring's parameters.
package struct GetSuccessorListReply: WireMessage, Hashable {
    /// Node, predecessor and successors.
    package var state: RingState
    /// The ring's parameters, as the answering node knows them.
    package var parameters: RingParameters
    /// Whether the answering node cannot reach its first successor, while other members can.
    package var isHeadUnreached: Bool
    /// What the answering node's program can do.
    package var capabilities: Capabilities

    /// A reply from its parts.
    package init(
        state: RingState,
        parameters: RingParameters,
        isHeadUnreached: Bool = false,
        capabilities: Capabilities = .first
    ) {
        self.state = state
        self.parameters = parameters
        self.isHeadUnreached = isHeadUnreached
        self.capabilities = capabilities
    }

    package init(
        decoding bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) throws(WireError) {
        let name: StaticString = "GetSuccessorListReply"
        self = try withUnpacked(name, bytes, chord__v1__get_successor_list_reply__unpack) {
            message throws(WireError) in
            // The parameters are read first, as in NotifyRequest: a different width is the better
            // reason for an error.
            let parameters = try message.parameters.parameters(
                space,
                FieldPath(message: name, field: "parameters")
            )
            let state = RingState(
                node: try message.node.node(space, FieldPath(message: name, field: "node")),
                predecessor: try message.predecessor.node(
                    space,
                    FieldPath(message: name, field: "predecessor")
                ),
                successors: try message.successors.nodes(
                    count: message.n_successors,
                    space,
                    FieldPath(message: name, field: "successors")
                )
            )
            return GetSuccessorListReply(
                state: state,
                parameters: parameters,
                isHeadUnreached: message.head_unreached != 0,
                capabilities: try message.capabilities.capabilities(
                    FieldPath(message: name, field: "capabilities")
                )
            )
        }
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {
        var arena = EncodingArena()
        var message = Chord__V1__GetSuccessorListReply()
        chord__v1__get_successor_list_reply__init(&message)
        message.node = arena.node(state.node, space)
        message.predecessor = arena.node(state.predecessor, space)
        (message.n_successors, message.successors) = arena.nodes(state.successors, space)
        message.parameters = arena.parameters(parameters)
        message.head_unreached = isHeadUnreached ? 1 : 0
        message.capabilities = arena.capabilities(capabilities)
        arena.pack(&message, appendingTo: &output)
    }
}
