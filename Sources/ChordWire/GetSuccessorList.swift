// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
package import ChordCore

/// "What do you know of your place on the ring?"
package struct GetSuccessorListRequest: WireMessage, Hashable {
    /// What the caller takes the ring to be; nil when it is no node. They may have a width of their own.
    package var parameters: RingParameters?

    /// A request from its part.
    package init(parameters: RingParameters? = nil) {
        self.parameters = parameters
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
                )
            )
        }
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {
        var arena = EncodingArena()
        var message = Chord__V1__GetSuccessorListRequest()
        chord__v1__get_successor_list_request__init(&message)
        if let parameters { message.parameters = arena.parameters(parameters) }
        arena.pack(&message, appendingTo: &output)
    }
}

/// A node's place on the ring, all of it from one moment, and the ring's parameters.
package struct GetSuccessorListReply: WireMessage, Hashable {
    /// Node, predecessor and successors.
    package var state: RingState
    /// What the answering node takes the ring to be.
    package var parameters: RingParameters

    /// A reply from its parts.
    package init(state: RingState, parameters: RingParameters) {
        self.state = state
        self.parameters = parameters
    }

    package init(
        decoding bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) throws(WireError) {
        let name: StaticString = "GetSuccessorListReply"
        self = try withUnpacked(name, bytes, chord__v1__get_successor_list_reply__unpack) {
            message throws(WireError) in
            // The parameters first, as in Notify: a difference in width is the better reason.
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
            return GetSuccessorListReply(state: state, parameters: parameters)
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
        arena.pack(&message, appendingTo: &output)
    }
}
