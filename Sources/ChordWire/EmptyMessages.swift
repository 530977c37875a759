// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
package import ChordCore

/// "Who is your predecessor?"
package struct GetPredecessorRequest: WireMessage, Hashable {
    /// A request; it says nothing further.
    package init() {}

    package init(
        decoding bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) throws(WireError) {
        try withUnpacked(
            "GetPredecessorRequest",
            bytes,
            chord__v1__get_predecessor_request__unpack
        ) { _ throws(WireError) in }
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {}
}

/// "LeaveNotice."
package struct LeaveReply: WireMessage, Hashable {
    /// A reply; it says nothing further.
    package init() {}

    package init(
        decoding bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) throws(WireError) {
        try withUnpacked("LeaveReply", bytes, chord__v1__leave_reply__unpack) {
            _ throws(WireError) in
        }
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {}
}
