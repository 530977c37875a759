// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
package import ChordCore

/// The protobuf name of a message without fields.
package protocol EmptyMessageName: Sendable {
    static var text: StaticString { get }
}

/// A message without fields.
package struct EmptyMessage<Name: EmptyMessageName>: WireMessage, Hashable {
    package init() {}

    package init(
        decoding bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) throws(WireError) {
        // protobuf-c reads all messages without fields alike: the bytes can only be unknown fields.
        try withUnpacked(Name.text, bytes, chord__v1__get_predecessor_request__unpack) {
            _ throws(WireError) in
        }
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {}
}

/// "Who is your predecessor?"
package typealias GetPredecessorRequest = EmptyMessage<GetPredecessorRequestName>
package enum GetPredecessorRequestName: EmptyMessageName {
    package static var text: StaticString { "GetPredecessorRequest" }
}

/// The notice to leave was accepted.
package typealias LeaveReply = EmptyMessage<LeaveReplyName>
package enum LeaveReplyName: EmptyMessageName {
    package static var text: StaticString { "LeaveReply" }
}

/// The meeting was noted. It does not say what the receiver does next.
package typealias MeetReply = EmptyMessage<MeetReplyName>
package enum MeetReplyName: EmptyMessageName {
    package static var text: StaticString { "MeetReply" }
}

/// "Describe yourself and the members that you know."
package typealias DescribeRequest = EmptyMessage<DescribeRequestName>
package enum DescribeRequestName: EmptyMessageName {
    package static var text: StaticString { "DescribeRequest" }
}

/// "Send me your events."
package typealias WatchRequest = EmptyMessage<WatchRequestName>
package enum WatchRequestName: EmptyMessageName {
    package static var text: StaticString { "WatchRequest" }
}

/// "Leave the ring and stop."
package typealias AdminLeaveRequest = EmptyMessage<AdminLeaveRequestName>
package enum AdminLeaveRequestName: EmptyMessageName {
    package static var text: StaticString { "AdminLeaveRequest" }
}

/// The node has left the ring.
package typealias AdminLeaveReply = EmptyMessage<AdminLeaveReplyName>
package enum AdminLeaveReplyName: EmptyMessageName {
    package static var text: StaticString { "AdminLeaveReply" }
}
