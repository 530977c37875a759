// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
package import ChordCore

/// A node's predecessor.
package struct GetPredecessorReply: WireMessage, Hashable {
    /// The predecessor; the answering node itself if it is alone.
    package var predecessor: NodeReference

    /// A reply from its part.
    package init(predecessor: NodeReference) {
        self.predecessor = predecessor
    }

    package init(
        decoding bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) throws(WireError) {
        let name: StaticString = "GetPredecessorReply"
        self = try withUnpacked(name, bytes, chord__v1__get_predecessor_reply__unpack) {
            message throws(WireError) in
            GetPredecessorReply(
                predecessor: try message.predecessor.node(
                    space,
                    FieldPath(message: name, field: "predecessor")
                )
            )
        }
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {
        var arena = EncodingArena()
        var message = Chord__V1__GetPredecessorReply()
        chord__v1__get_predecessor_reply__init(&message)
        message.predecessor = arena.node(predecessor, space)
        arena.pack(&message, appendingTo: &output)
    }
}
