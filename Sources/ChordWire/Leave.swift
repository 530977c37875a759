// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
package import ChordCore

/// "I go away; these were my neighbours."
package struct LeaveRequest: WireMessage, Hashable {
    /// The caller itself, its predecessor and its successors.
    package var state: RingState

    /// A request from its part.
    package init(state: RingState) {
        self.state = state
    }

    package init(
        decoding bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) throws(WireError) {
        let name: StaticString = "LeaveRequest"
        self = try withUnpacked(name, bytes, chord__v1__leave_request__unpack) {
            message throws(WireError) in
            LeaveRequest(
                state: RingState(
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
            )
        }
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {
        var arena = EncodingArena()
        var message = Chord__V1__LeaveRequest()
        chord__v1__leave_request__init(&message)
        message.node = arena.node(state.node, space)
        message.predecessor = arena.node(state.predecessor, space)
        (message.n_successors, message.successors) = arena.nodes(state.successors, space)
        arena.pack(&message, appendingTo: &output)
    }
}
