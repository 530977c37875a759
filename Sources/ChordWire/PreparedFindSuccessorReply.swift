// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
package import ChordCore

/// A FindSuccessor reply that is encoded once and sent many times.
///
/// A node has few different answers per routing view. They differ only in the hops; the nodes,
/// which are most of the work, stay the same until the view changes. In protobuf, the encodings of
/// two parts of a message, one after the other, are an encoding of the whole message. So the nodes
/// are encoded with the view, and each call appends its hops.
package struct PreparedFindSuccessorReply: Sendable, Hashable {
    private let bytes: [UInt8]

    /// Prepares a reply. Its path and hops are left out, because they belong to a call.
    package init(_ reply: FindSuccessorReply, space: IdentifierSpace) {
        var lasting = reply
        lasting.path = []
        lasting.hops = 0
        bytes = lasting.encoded(in: space)
    }

    /// Appends the encoded reply of one call.
    package func encode(hops: Int, appendingTo output: inout [UInt8]) {
        // Appending the array itself would retain and release it.
        bytes.withUnsafeBufferPointer { output.append(contentsOf: $0) }
        guard hops != 0 else { return }
        var message = Chord__V1__FindSuccessorReply()
        chord__v1__find_successor_reply__init(&message)
        message.hops = UInt32(clamping: hops)
        Packing.pack(&message, size: Packing.size(of: &message), appendingTo: &output)
    }
}
