// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
package import ChordCore

/// A reply to FindSuccessor that is encoded once and sent many times.
///
/// From one routing view a node gives few different answers, which differ only in their hops: the nodes
/// in them, which are most of the work, are the same until the view changes. In protobuf the encodings
/// of two parts of a message, one after the other, are an encoding of the whole; so the nodes are
/// encoded when the view is made, and a call adds its hops.
package struct PreparedFindSuccessorReply: Sendable, Hashable {
    private let bytes: [UInt8]

    /// Prepares a reply. Its path and hops are left out: they belong to a call.
    package init(_ reply: FindSuccessorReply, space: IdentifierSpace) {
        var lasting = reply
        lasting.path = []
        lasting.hops = 0
        bytes = lasting.encoded(in: space)
    }

    /// Appends the encoded reply of one call.
    package func encode(hops: Int, appendingTo output: inout [UInt8]) {
        // Appending the array itself would count a reference up and down.
        bytes.withUnsafeBufferPointer { output.append(contentsOf: $0) }
        guard hops != 0 else { return }
        var message = Chord__V1__FindSuccessorReply()
        chord__v1__find_successor_reply__init(&message)
        message.hops = UInt32(clamping: hops)
        Packing.pack(&message, size: Packing.size(of: &message), appendingTo: &output)
    }
}
