// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
package import ChordCore

/// "Leave the ring, and end."
package struct AdminLeaveRequest: WireMessage, Hashable {
    /// A request; it says nothing further.
    package init() {}

    package init(
        decoding bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) throws(WireError) {
        try withUnpacked("AdminLeaveRequest", bytes, chord__v1__admin_leave_request__unpack) {
            _ throws(WireError) in
        }
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {}
}

/// "It has left."
package struct AdminLeaveReply: WireMessage, Hashable {
    /// A reply; it says nothing further.
    package init() {}

    package init(
        decoding bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) throws(WireError) {
        try withUnpacked("AdminLeaveReply", bytes, chord__v1__admin_leave_reply__unpack) {
            _ throws(WireError) in
        }
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {}
}
