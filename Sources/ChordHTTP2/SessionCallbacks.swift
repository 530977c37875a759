// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CNGHTTP2

/// The callbacks of nghttp2 for reading and writing. They do not throw, do not trap on a peer's
/// input, and do not call nghttp2's read or write functions.
enum SessionCallbacks {
    typealias State = UnsafeMutablePointer<SessionState>
    typealias Frame = UnsafePointer<nghttp2_frame>

    private static let endStream = UInt8(NGHTTP2_FLAG_END_STREAM.rawValue)
    private static let acknowledgement = UInt8(NGHTTP2_FLAG_ACK.rawValue)
    private static let streamFailure = CInt(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)

    static func state(_ userData: UnsafeMutableRawPointer?) -> State {
        userData.unsafelyUnwrapped.assumingMemoryBound(to: SessionState.self)
    }

    /// The callbacks as nghttp2 takes them. They are made once and never changed nor freed, hence
    /// unchecked; each session copies them.
    struct Table: @unchecked Sendable {
        let pointer: OpaquePointer?
    }

    /// No pointer where memory was short.
    static let table: Table = {
        var callbacks: OpaquePointer?
        guard nghttp2_session_callbacks_new(&callbacks) == 0 else { return Table(pointer: nil) }
        install(in: callbacks)
        return Table(pointer: callbacks)
    }()

    private static func install(in callbacks: OpaquePointer?) {
        installCounting(in: callbacks)
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, frame, userData in
            SessionCallbacks.beginHeaders(frame.unsafelyUnwrapped, SessionCallbacks.state(userData))
            return 0
        }
        nghttp2_session_callbacks_set_on_header_callback2(callbacks) {
            session,
            frame,
            name,
            value,
            _,
            userData in
            let state = SessionCallbacks.state(userData)
            let refusal = state.pointee.takeField(
                name.unsafelyUnwrapped,
                value.unsafelyUnwrapped
            )
            guard let refusal else { return 0 }
            return SessionCallbacks.refuse(
                session,
                frame.unsafelyUnwrapped,
                state,
                refusal == .malformed ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_ENHANCE_YOUR_CALM
            )
        }
        nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks) {
            session,
            frame,
            _,
            _,
            _,
            _,
            _,
            userData in
            // nghttp2 would skip the field; section 8.2.1 of RFC 9113 calls the message malformed.
            return SessionCallbacks.refuse(
                session,
                frame.unsafelyUnwrapped,
                SessionCallbacks.state(userData),
                NGHTTP2_PROTOCOL_ERROR
            )
        }
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) {
            session,
            _,
            stream,
            data,
            count,
            userData in
            let state = SessionCallbacks.state(userData)
            if state.pointee.admitsBody(stream, count) {
                state.pointee.appendData(stream, data, count)
            } else {
                // These bytes have no reader: the connection's window opens again by itself.
                nghttp2_session_consume_connection(session, count)
                SessionCallbacks.reset(session, stream)
            }
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) {
            session,
            frame,
            userData in
            SessionCallbacks.received(
                session,
                frame.unsafelyUnwrapped,
                SessionCallbacks.state(userData)
            )
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { _, frame, userData in
            SessionCallbacks.sent(frame.unsafelyUnwrapped, SessionCallbacks.state(userData))
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks) {
            session,
            frame,
            result,
            userData in
            SessionCallbacks.notSent(
                session,
                frame.unsafelyUnwrapped,
                result,
                SessionCallbacks.state(userData)
            )
            return 0
        }
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) {
            _,
            stream,
            code,
            userData in
            SessionCallbacks.state(userData).pointee.close(stream, HTTP2ErrorCode(rawValue: code))
            return 0
        }
    }

    private static func refuse(
        _ session: OpaquePointer?,
        _ frame: Frame,
        _ state: State,
        _ code: nghttp2_error_code
    ) -> CInt {
        state.pointee.refuseBlock()
        // Only queued here. The failure returned makes nghttp2 skip the rest of the block; it adds
        // no reset of its own to one that is queued.
        nghttp2_submit_rst_stream(
            session,
            UInt8(NGHTTP2_FLAG_NONE.rawValue),
            frame.pointee.hd.stream_id,
            code.rawValue
        )
        return streamFailure
    }

    private static func beginHeaders(_ frame: Frame, _ state: State) {
        let stream = frame.pointee.hd.stream_id
        state.pointee.beginBlock(
            stream,
            isTrailers: frame.pointee.headers.cat != NGHTTP2_HCAT_REQUEST
        )
        if state.pointee.isServer, state.pointee.table.find(stream) < 0 {
            state.pointee.open(stream, [.opened])
        }
    }

    /// A message that broke a rule after its header list: the stream ends, the connection goes on.
    private static func reset(_ session: OpaquePointer?, _ stream: Int32) {
        nghttp2_submit_rst_stream(
            session,
            UInt8(NGHTTP2_FLAG_NONE.rawValue),
            stream,
            NGHTTP2_PROTOCOL_ERROR.rawValue
        )
    }

    private static func received(_ session: OpaquePointer?, _ frame: Frame, _ state: State) {
        let header = frame.pointee.hd
        switch nghttp2_frame_type(UInt32(header.type)) {
        case NGHTTP2_DATA:
            if header.flags & endStream != 0 {
                guard state.pointee.mayEndBody(header.stream_id) else {
                    return reset(session, header.stream_id)
                }
                state.pointee.endData(header.stream_id)
            } else if header.length > 0, header.length == frame.pointee.data.padlen {
                // Nothing but padding; a frame without even that is counted as it begins.
                state.pointee.counters.emptyDataReceived += 1
            }
        case NGHTTP2_HEADERS:
            let isWhole = state.pointee.blockIsComplete(
                header.stream_id,
                endStream: header.flags & endStream != 0
            )
            guard isWhole else {
                _ = refuse(session, frame, state, NGHTTP2_PROTOCOL_ERROR)
                return
            }
            state.pointee.endBlock(
                header.stream_id,
                isRequest: frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST,
                endStream: header.flags & endStream != 0
            )
        case NGHTTP2_RST_STREAM:
            state.pointee.counters.resetsReceived += 1
            let index = state.pointee.table.find(header.stream_id)
            if index >= 0, state.pointee.slots[index].flags.contains(.announced) {
                state.pointee.events.append(
                    .reset(
                        stream: header.stream_id,
                        code: HTTP2ErrorCode(rawValue: frame.pointee.rst_stream.error_code)
                    )
                )
            }
        case NGHTTP2_SETTINGS:
            if header.flags & acknowledgement != 0 {
                state.pointee.events.append(.settingsAck)
            } else {
                state.pointee.counters.settingsReceived += 1
                let settings = UnsafeBufferPointer(
                    start: frame.pointee.settings.iv,
                    count: frame.pointee.settings.niv
                )
                if settings.contains(where: {
                    $0.settings_id == Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue)
                }) {
                    state.pointee.windowsChanged = true
                }
                state.pointee.events.append(.settings)
            }
        case NGHTTP2_PING:
            if header.flags & acknowledgement != 0 {
                let opaque = withUnsafeBytes(of: frame.pointee.ping.opaque_data) {
                    UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self))
                }
                state.pointee.events.append(.pingAck(opaque))
            } else {
                state.pointee.counters.pingsReceived += 1
            }
        case NGHTTP2_GOAWAY:
            receivedGoAway(frame.pointee.goaway, state)
        default:
            break
        }
    }

    private static func receivedGoAway(_ frame: nghttp2_goaway, _ state: State) {
        state.pointee.goAwayReceived = true
        let start = state.pointee.bytes.count
        state.pointee.bytes.append(copying: frame.opaque_data, count: frame.opaque_data_len)
        state.pointee.events.append(
            .goAway(
                lastStream: frame.last_stream_id,
                code: HTTP2ErrorCode(rawValue: frame.error_code),
                debug: HTTP2Payload(start, state.pointee.bytes.count)
            )
        )
        // Requests that still wait for their turn would be dropped silently much later.
        guard !state.pointee.isServer else { return }
        for index in 0..<state.pointee.slots.count {
            let slot = state.pointee.slots[index]
            if slot.stream != 0, !slot.flags.contains(.opened) {
                state.pointee.close(slot.stream, .refusedStream)
            }
        }
    }

    private static func sent(_ frame: Frame, _ state: State) {
        state.pointee.counters.framesSent += 1
        countSent(frame, state)
        switch nghttp2_frame_type(UInt32(frame.pointee.hd.type)) {
        case NGHTTP2_HEADERS:
            guard frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST else { return }
            let index = state.pointee.table.find(frame.pointee.hd.stream_id)
            if index >= 0 { state.pointee.slots[index].flags.insert(.opened) }
        case NGHTTP2_RST_STREAM:
            state.pointee.counters.resetsSent += 1
            if state.pointee.windowsChanged,
                frame.pointee.rst_stream.error_code == NGHTTP2_FLOW_CONTROL_ERROR.rawValue
            {
                state.pointee.windowOverflowed = true
            }
        case NGHTTP2_GOAWAY:
            let goAway = frame.pointee.goaway
            state.pointee.goAwaySent = true
            if state.pointee.ownGoAways > 0 {
                state.pointee.ownGoAways -= 1
            } else if goAway.error_code != NGHTTP2_NO_ERROR.rawValue {
                // nghttp2 gives the connection up by itself and says why in the debug data.
                let code = HTTP2ErrorCode(rawValue: goAway.error_code)
                let reason = UnsafeBufferPointer(
                    start: goAway.opaque_data,
                    count: goAway.opaque_data_len
                )
                state.pointee.failure = HTTP2Error(
                    code: code == .enhanceYourCalm ? .flooded : .protocolViolation,
                    message: "connection given up, \(code)"
                        + (reason.isEmpty ? "" : ": " + String(decoding: reason, as: UTF8.self)),
                    wireCode: code
                )
            }
        default:
            break
        }
    }

    private static func notSent(
        _ session: OpaquePointer?,
        _ frame: Frame,
        _ result: CInt,
        _ state: State
    ) {
        guard frame.pointee.hd.type == UInt8(NGHTTP2_HEADERS.rawValue) else { return }
        let stream = frame.pointee.hd.stream_id
        if frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST {
            let wasForbidden =
                result == NGHTTP2_ERR_START_STREAM_NOT_ALLOWED.rawValue
                || result == NGHTTP2_ERR_SESSION_CLOSING.rawValue
            state.pointee.close(stream, wasForbidden ? .refusedStream : .internalError)
        } else if state.pointee.table.find(stream) >= 0 {
            // A response or trailers that cannot be sent, too large for one: the peer would wait
            // for ever. On a stream that is closing anyway the reset goes nowhere.
            nghttp2_submit_rst_stream(
                session,
                UInt8(NGHTTP2_FLAG_NONE.rawValue),
                stream,
                NGHTTP2_INTERNAL_ERROR.rawValue
            )
        }
    }
}

/// Counts frames for the limits of a session's owner.
extension SessionCallbacks {
    private static func installCounting(in callbacks: OpaquePointer?) {
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

    private static func countSent(_ frame: Frame, _ state: State) {
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
