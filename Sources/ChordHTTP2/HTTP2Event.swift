// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A header list inside a session: where its fields lie until the events are removed.
package struct HTTP2HeaderBlock: Hashable, Sendable, BitwiseCopyable {
    var start: Int32
    package var count: Int32
    /// Above zero where the list is one that has come before on this connection: those of one number are
    /// alike, field by field.
    package var repetition: UInt32 = 0
}

/// Bytes inside a session: where they lie until the events are removed.
package struct HTTP2Payload: Hashable, Sendable, BitwiseCopyable {
    var start: Int32
    var end: Int32

    init(_ start: Int, _ end: Int) {
        self.start = Int32(truncatingIfNeeded: start)
        self.end = Int32(truncatingIfNeeded: end)
    }

    package var count: Int { Int(end - start) }
}

/// The role of a header list in its stream.
package enum HTTP2HeaderKind: Hashable, Sendable, BitwiseCopyable {
    case request
    case response
    /// An interim response with a status of 100 to 199; the response proper follows.
    case informational
    case trailers
}

/// One thing that happened on a connection, in the order it happened.
///
/// Small and trivial; header fields and data stay in the session, which is asked for them, until
/// ``HTTP2Session/removeEvents()``.
package enum HTTP2Event: Hashable, Sendable, BitwiseCopyable {
    /// A complete header list arrived.
    case headers(stream: Int32, block: HTTP2HeaderBlock, kind: HTTP2HeaderKind, endStream: Bool)
    /// Data arrived; as many bytes must be given back by `consume` once the reader has taken them
    /// (padding is given back already). It may be empty when only the end arrived.
    case data(stream: Int32, bytes: HTTP2Payload, endStream: Bool)
    /// The peer reset the stream; `streamClosed` follows.
    case reset(stream: Int32, code: HTTP2ErrorCode)
    /// The stream is over and all about it forgotten: both sides ended it, one side reset it, or
    /// it was refused (`refusedStream`: the peer has not looked at it, it may be tried elsewhere).
    case streamClosed(stream: Int32, code: HTTP2ErrorCode)
    /// The stream's output fell below half of its high-water mark after having passed it.
    case streamWritable(stream: Int32)
    /// The peer's settings arrived and are in force. The first one makes a connection ready.
    case settings
    /// The peer has taken our settings.
    case settingsAck
    /// The answer to a ping of ours, with its opaque value.
    case pingAck(UInt64)
    /// The peer takes no stream of ours above `lastStream`; those are closed as refused.
    case goAway(lastStream: Int32, code: HTTP2ErrorCode, debug: HTTP2Payload)
}

/// What a session has counted since it began.
package struct HTTP2Counters: Hashable, Sendable {
    package var streamsOpened: UInt64 = 0
    package var streamsClosed: UInt64 = 0
    package var resetsReceived: UInt64 = 0
    /// Resets sent, ours and those nghttp2 sends for a peer's mistakes. A peer that provokes many
    /// makes us work for nothing, as one that sends many does.
    package var resetsSent: UInt64 = 0
    /// Header lists refused because they passed a limit or were malformed.
    package var headerListsRefused: UInt64 = 0
    package var pingsReceived: UInt64 = 0
    package var settingsReceived: UInt64 = 0
    /// Received frames that cause work and carry no message: PING, SETTINGS, PRIORITY, GOAWAY, and
    /// frames of unknown types.
    package var controlFramesReceived: UInt64 = 0
    package var windowUpdatesReceived: UInt64 = 0
    /// DATA frames received that neither carry a byte nor end their stream.
    package var emptyDataReceived: UInt64 = 0
    /// HEADERS, DATA and RST_STREAM frames received: signs of a connection that is in use.
    package var streamFramesReceived: UInt64 = 0
    /// HEADERS and DATA frames sent.
    package var streamFramesSent: UInt64 = 0
    /// Streams refused unseen because as many as allowed were open.
    package var streamsRefused: UInt64 = 0
    /// Streams reset because too much output waited already.
    package var outputsRefused: UInt64 = 0
    package var framesSent: UInt64 = 0
    package var bytesReceived: UInt64 = 0
    package var bytesSent: UInt64 = 0

    package init() {}
}
