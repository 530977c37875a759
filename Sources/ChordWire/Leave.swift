// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
package import ChordCore

/// "I go away; these were my neighbours, and these I had lost."
package struct LeaveRequest: WireMessage, Hashable {
    /// The caller itself, its predecessor and its successors, and whom it had lost.
    package var farewell: Farewell

    /// A request from its part.
    package init(_ farewell: Farewell) {
        self.farewell = farewell
    }

    package init(
        decoding bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) throws(WireError) {
        let name: StaticString = "LeaveRequest"
        self = try withUnpacked(name, bytes, chord__v1__leave_request__unpack) {
            message throws(WireError) in
            LeaveRequest(
                Farewell(
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
                    ),
                    lost: try message.lost.nodes(
                        count: message.n_lost,
                        space,
                        FieldPath(message: name, field: "lost")
                    )
                )
            )
        }
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {
        var arena = EncodingArena()
        var message = Chord__V1__LeaveRequest()
        chord__v1__leave_request__init(&message)
        message.node = arena.node(farewell.state.node, space)
        message.predecessor = arena.node(farewell.state.predecessor, space)
        (message.n_successors, message.successors) = arena.nodes(
            farewell.state.successors,
            space
        )
        (message.n_lost, message.lost) = arena.nodes(farewell.lost, space)
        arena.pack(&message, appendingTo: &output)
    }
}
