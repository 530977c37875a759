// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CNGHTTP2

/// Counts frames for the limits of a session's owner.
extension SessionCallbacks {
    static func installCounting(in callbacks: OpaquePointer?) {
        // Asked for every frame, also for those that nghttp2 then ignores: a flood on streams that
        // are closed is a flood.
        nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks) {
            session,
            header,
            userData in
            let header = header.unsafelyUnwrapped.pointee
            SessionCallbacks.begun(header, SessionCallbacks.state(userData))
            SessionCallbacks.checkPriority(header, session)
            return 0
        }
        nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks) {
            _,
            _,
            _,
            userData in
            // A header block that breaks a rule ends here, without another callback.
            SessionCallbacks.state(userData).pointee.isBlockIncomplete = false
            return 0
        }
        nghttp2_session_callbacks_set_unpack_extension_callback(callbacks) { _, _, _, _ in
            // Only the arrival of a frame of unknown type matters.
            CInt(NGHTTP2_ERR_CANCEL.rawValue)
        }
    }

    /// Has nghttp2 tell of frames of types that it does not know, which it would skip in silence.
    static func nameUnknownTypes(to option: OpaquePointer?) {
        for type in UInt8(10)...255 { nghttp2_option_set_user_recv_extension_type(option, type) }
    }

    /// Priorities are not obeyed here, and nghttp2 then does not look at their stream either.
    private static func checkPriority(_ header: nghttp2_frame_hd, _ session: OpaquePointer?) {
        if header.type == UInt8(NGHTTP2_PRIORITY.rawValue), header.stream_id == 0 {
            // Section 6.3 of RFC 9113.
            nghttp2_session_terminate_session(session, NGHTTP2_PROTOCOL_ERROR.rawValue)
        }
    }

    private static func begun(_ header: nghttp2_frame_hd, _ state: State) {
        switch UInt32(header.type) {
        case NGHTTP2_DATA.rawValue
        where header.length == 0 && header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) == 0:
            state.pointee.counters.emptyDataReceived += 1
        case NGHTTP2_DATA.rawValue, NGHTTP2_HEADERS.rawValue, NGHTTP2_RST_STREAM.rawValue:
            state.pointee.counters.streamFramesReceived += 1
        case NGHTTP2_CONTINUATION.rawValue:
            break
        case NGHTTP2_WINDOW_UPDATE.rawValue:
            state.pointee.counters.windowUpdatesReceived += 1
        default:
            state.pointee.counters.controlFramesReceived += 1
        }
    }

    static func countSent(_ frame: Frame, _ state: State) {
        switch UInt32(frame.pointee.hd.type) {
        case NGHTTP2_DATA.rawValue, NGHTTP2_HEADERS.rawValue:
            state.pointee.counters.streamFramesSent += 1
        case NGHTTP2_RST_STREAM.rawValue
        where frame.pointee.rst_stream.error_code == NGHTTP2_REFUSED_STREAM.rawValue:
            state.pointee.counters.streamsRefused += 1
        default:
            break
        }
    }
}
