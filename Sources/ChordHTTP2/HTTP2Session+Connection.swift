// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CNGHTTP2

/// Commands about the connection: flow-control windows, PING and GOAWAY.
extension HTTP2Session {
    /// Reopens the windows of a stream and of the connection by the bytes that the reader has consumed.
    ///
    /// All bytes of a stream's data events must be consumed in the end, even if the stream has ended: the
    /// connection's window is smaller until then.
    package func consume(_ bytes: Int, on stream: Int32) {
        guard bytes > 0, !isDead else { return }
        nghttp2_session_consume(session, stream, bytes)
    }

    /// Opens the connection's window only. Enough, and cheaper, for a stream that sends no more.
    package func consumeConnection(_ bytes: Int) {
        guard bytes > 0, !isDead else { return }
        nghttp2_session_consume_connection(session, bytes)
    }

    /// Asks the peer for a sign of life, which comes back as `pingAck` with the same value.
    package func ping(_ opaque: UInt64) {
        guard !isDead else { return }
        withUnsafeBytes(of: opaque.bigEndian) {
            _ = nghttp2_submit_ping(
                session,
                UInt8(NGHTTP2_FLAG_NONE.rawValue),
                $0.baseAddress?.assumingMemoryBound(to: UInt8.self)
            )
        }
    }

    /// Announces that a server will go away, before it says which streams it still takes: requests
    /// under way then arrive in time. A round trip later, ``goAway(lastStream:errorCode:debug:)``.
    package func shutdownNotice() {
        guard !isDead, role == .server else { return }
        state.pointee.ownGoAways += 1
        if nghttp2_submit_shutdown_notice(session) != 0 { state.pointee.ownGoAways -= 1 }
    }

    /// Takes no stream of the peer's above `lastStream` (by default the last one seen) and makes
    /// no new ones. Open streams go on to their end; then the session is finished.
    package func goAway(
        lastStream: Int32? = nil,
        errorCode: HTTP2ErrorCode = .noError,
        debug: StaticString = ""
    ) {
        guard !isDead else { return }
        let last = lastStream ?? lastProcessedStream
        state.pointee.ownGoAways += 1
        let result = nghttp2_submit_goaway(
            session,
            UInt8(NGHTTP2_FLAG_NONE.rawValue),
            last,
            errorCode.rawValue,
            debug.utf8Start,
            debug.utf8CodeUnitCount
        )
        if result != 0 { state.pointee.ownGoAways -= 1 }
    }

    /// Ends the connection at once: after the GOAWAY nothing is sent or read.
    package func terminate(errorCode: HTTP2ErrorCode) {
        guard !isDead else { return }
        state.pointee.ownGoAways += 1
        if nghttp2_session_terminate_session(session, errorCode.rawValue) != 0 {
            state.pointee.ownGoAways -= 1
        }
    }

    /// The highest stream of the peer's that has been seen.
    package var lastProcessedStream: Int32 {
        nghttp2_session_get_last_proc_stream_id(session)
    }
}
