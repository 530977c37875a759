// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
package import ChordCore

/// "I leave the ring; these were my neighbours and my lost members."
package struct LeaveRequest: WireMessage, Hashable {
    /// The caller, its predecessor and successors, and the members that it had lost.
    package var leaveNotice: LeaveNotice

    /// A request from its part.
    package init(_ leaveNotice: LeaveNotice) {
        self.leaveNotice = leaveNotice
    }

    package init(
        decoding bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) throws(WireError) {
        let name: StaticString = "LeaveRequest"
        self = try withUnpacked(name, bytes, chord__v1__leave_request__unpack) {
            message throws(WireError) in
            LeaveRequest(
                LeaveNotice(
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
                    ),
                    intent: LeaveNotice.Intent(message.intent)
                )
            )
        }
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {
        var arena = EncodingArena()
        var message = Chord__V1__LeaveRequest()
        chord__v1__leave_request__init(&message)
        message.node = arena.node(leaveNotice.state.node, space)
        message.predecessor = arena.node(leaveNotice.state.predecessor, space)
        (message.n_successors, message.successors) = arena.nodes(
            leaveNotice.state.successors,
            space
        )
        (message.n_lost, message.lost) = arena.nodes(leaveNotice.lost, space)
        message.intent = leaveNotice.intent.number
        arena.pack(&message, appendingTo: &output)
    }
}

extension LeaveNotice.Intent {
    /// An intent of a later version counts as none: nothing is moved on its account.
    fileprivate init(_ number: Chord__V1__LeaveIntent) {
        self = Self.allCases.first { $0.number == number } ?? .unspecified
    }

    fileprivate var number: Chord__V1__LeaveIntent {
        switch self {
        case .unspecified: CHORD__V1__LEAVE_INTENT__LEAVE_INTENT_UNSPECIFIED
        case .returning: CHORD__V1__LEAVE_INTENT__LEAVE_INTENT_RETURNING
        case .forGood: CHORD__V1__LEAVE_INTENT__LEAVE_INTENT_FOR_GOOD
        }
    }
}
