// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CNGHTTP2

/// Commands about streams. None writes: the frames wait for ``takeOutput(into:limit:)``.
///
/// A command about a stream that is over, or was never there, does nothing and returns false: the
/// peer may have reset it a moment ago.
extension HTTP2Session {
    private static var none: UInt8 { UInt8(NGHTTP2_FLAG_NONE.rawValue) }

    /// Gives nghttp2 a header list, prepared fields without a copy if the session keeps them.
    private func withFields(
        _ headers: HTTP2Headers,
        _ body: (UnsafePointer<nghttp2_nv>?, Int) -> CInt
    ) -> CInt {
        guard let list = headers.prepared else { return headers.withFields(copying: false, body) }
        let isKept = state.pointee.keep(list) != nil
        if isKept, headers.appended.isEmpty { return body(list.fields, list.count) }
        return headers.withFields(copying: !isKept, body)
    }

    private func slot(_ stream: Int32) -> Int? {
        guard !isDead else { return nil }
        let index = state.pointee.table.find(stream)
        guard index >= 0, !state.pointee.slots[index].flags.contains(.isResetting) else {
            return nil
        }
        return index
    }

    // MARK: Requests

    /// Opens a stream with a request. Beyond the peer's limit of streams the request waits.
    ///
    /// - Returns: the stream's identifier.
    /// - Throws: `goingAway`, `streamsExhausted`, `closed`; the request was not made.
    package func submitRequest(
        _ headers: HTTP2Headers,
        endStream: Bool = false
    ) throws(HTTP2Error) -> Int32 {
        try submitRequest(headers, body: UnsafeRawBufferPointer(start: nil, count: 0), endStream)
    }

    /// Opens a stream with a whole request: one message and its end.
    package func submitUnaryRequest(
        _ headers: HTTP2Headers,
        body: UnsafeRawBufferPointer
    ) throws(HTTP2Error) -> Int32 {
        try submitRequest(headers, body: body, true)
    }

    private func submitRequest(
        _ headers: HTTP2Headers,
        body: UnsafeRawBufferPointer,
        _ endStream: Bool
    ) throws(HTTP2Error) -> Int32 {
        if isDead || state.pointee.failure != nil {
            throw HTTP2Error(code: .closed, message: "the session has failed")
        }
        guard role == .client else {
            throw HTTP2Error(code: .invalidArgument, message: "a server makes no requests")
        }
        guard !state.pointee.goAwayReceived, state.pointee.ownGoAways == 0,
            !state.pointee.goAwaySent
        else { throw HTTP2Error(code: .goingAway, message: "the connection is going away") }
        guard state.pointee.queuedBytes + body.count <= limits.maxQueuedOutputBytes else {
            throw HTTP2Error(code: .flooded, message: "too much output waits already")
        }
        // The slot's number goes along with the request, the stream's with the result: open the
        // slot for the number nghttp2 will give.
        let stream = Int32(truncatingIfNeeded: nghttp2_session_get_next_stream_id(session))
        guard stream > 0 else {
            throw HTTP2Error(code: .streamsExhausted, message: "no stream identifier is left")
        }
        let index = state.pointee.open(stream, [.announced, .hasMessage])
        let result: CInt
        if endStream && body.isEmpty {
            state.pointee.slots[index].flags.insert(.ended)
            result = withFields(headers) {
                nghttp2_submit_request(session, nil, $0, $1, nil, nil)
            }
        } else {
            enqueue(body, index)
            if endStream { state.pointee.slots[index].flags.insert(.ended) }
            var provider = OutboundData.provider(slot: index)
            result = withFields(headers) {
                nghttp2_submit_request(session, nil, $0, $1, &provider, nil)
            }
        }
        guard result == stream else {
            state.pointee.slots[index].flags.remove(.announced)
            state.pointee.close(stream, .internalError)
            throw HTTP2Error(library: Int(result), doing: "submitting a request")
        }
        return stream
    }

    // MARK: Responses

    /// Begins a response, or makes a whole one without a message (`endStream`, "trailers only").
    @discardableResult
    package func submitResponse(
        stream: Int32,
        headers: HTTP2Headers,
        endStream: Bool = false
    ) -> Bool {
        guard let index = respondable(stream) else { return false }
        let result: CInt
        if endStream {
            state.pointee.slots[index].flags.insert(.ended)
            result = withFields(headers) { nghttp2_submit_response(session, stream, $0, $1, nil) }
        } else {
            var provider = OutboundData.provider(slot: index)
            result = withFields(headers) {
                nghttp2_submit_response(session, stream, $0, $1, &provider)
            }
        }
        return submitted(result, stream)
    }

    /// An interim response with a status of 100 to 199, before the response.
    @discardableResult
    package func submitInformational(stream: Int32, headers: HTTP2Headers) -> Bool {
        guard let index = slot(stream), role == .server,
            !state.pointee.slots[index].flags.contains(.hasMessage)
        else { return false }
        let result = withFields(headers) {
            nghttp2_submit_headers(session, Self.none, stream, nil, $0, $1, nil)
        }
        return submitted(result, stream)
    }

    /// A complete response in one call, for unary answers.
    @discardableResult
    package func submitUnaryResponse(
        stream: Int32,
        headers: HTTP2Headers,
        body: UnsafeRawBufferPointer,
        trailers: HTTP2Headers
    ) -> Bool {
        guard let index = respondable(stream), fits(body.count, stream) else { return false }
        enqueue(body, index)
        setTrailers(trailers, stream, index)
        var provider = OutboundData.provider(slot: index)
        let result = withFields(headers) {
            nghttp2_submit_response(session, stream, $0, $1, &provider)
        }
        return submitted(result, stream)
    }

    /// The same with lists that were prepared, which the session keeps: no reference changes hands.
    @discardableResult
    package func submitUnaryResponse(
        stream: Int32,
        head: HTTP2Headers.Prepared,
        body: UnsafeRawBufferPointer,
        trailers: HTTP2Headers.Prepared
    ) -> Bool {
        guard state.pointee.keep(head) != nil, let kept = state.pointee.keep(trailers) else {
            return submitUnaryResponse(
                stream: stream,
                headers: HTTP2Headers(head),
                body: body,
                trailers: HTTP2Headers(trailers)
            )
        }
        guard let index = respondable(stream), fits(body.count, stream) else { return false }
        enqueue(body, index)
        state.pointee.slots[index].flags.insert(.ended)
        state.pointee.slots[index].trailers = Int32(kept)
        var provider = OutboundData.provider(slot: index)
        return submitted(
            nghttp2_submit_response(session, stream, head.fields, head.count, &provider),
            stream
        )
    }

    private func respondable(_ stream: Int32) -> Int? {
        guard role == .server, let index = slot(stream),
            !state.pointee.slots[index].flags.contains(.hasMessage)
        else { return nil }
        state.pointee.slots[index].flags.insert(.hasMessage)
        return index
    }

    /// If nghttp2 refuses the list, the stream is reset, or the peer would wait for ever.
    private func submitted(_ result: CInt, _ stream: Int32) -> Bool {
        if result == 0 { return true }
        reset(stream: stream, errorCode: .internalError)
        return false
    }

    // MARK: Messages

    /// Adds bytes to what the stream sends, as far as the peer's windows let them go, and with
    /// `endStream` ends our side of it behind them.
    ///
    /// - Returns: false if nothing was added: the stream is over, has no response yet, was ended,
    ///   or more than `maxQueuedOutputBytes` would wait, whereupon the stream is reset.
    @discardableResult
    package func send(
        _ bytes: UnsafeRawBufferPointer,
        on stream: Int32,
        endStream: Bool = false
    ) -> Bool {
        guard let index = sendable(stream), fits(bytes.count, stream) else { return false }
        enqueue(bytes, index)
        if endStream { state.pointee.slots[index].flags.insert(.ended) }
        resume(stream, index)
        return true
    }

    /// Ends our side of the stream with trailers, sent behind the bytes that wait.
    @discardableResult
    package func submitTrailers(_ trailers: HTTP2Headers, on stream: Int32) -> Bool {
        guard let index = sendable(stream) else { return false }
        setTrailers(trailers, stream, index)
        resume(stream, index)
        return true
    }

    private func sendable(_ stream: Int32) -> Int? {
        guard let index = slot(stream) else { return nil }
        let flags = state.pointee.slots[index].flags
        return flags.contains(.hasMessage) && !flags.contains(.ended) ? index : nil
    }

    private func fits(_ count: Int, _ stream: Int32) -> Bool {
        if state.pointee.queuedBytes + count <= limits.maxQueuedOutputBytes { return true }
        state.pointee.counters.outputsRefused += 1
        reset(stream: stream, errorCode: .enhanceYourCalm)
        return false
    }

    private func enqueue(_ bytes: UnsafeRawBufferPointer, _ index: Int) {
        if state.pointee.slots[index].queued == 0 {
            state.pointee.slots[index].waitingSince = state.pointee.clock
        }
        state.pointee.slots[index].enqueue(bytes)
        state.pointee.queuedBytes += bytes.count
        if state.pointee.slots[index].queued >= max(limits.streamHighWaterBytes, 1) {
            state.pointee.slots[index].flags.insert(.pressured)
        }
    }

    private func setTrailers(_ trailers: HTTP2Headers, _ stream: Int32, _ index: Int) {
        state.pointee.slots[index].flags.insert(.ended)
        guard trailers.count > 0 else { return }
        if trailers.appended.isEmpty, let list = trailers.prepared,
            let kept = state.pointee.keep(list)
        {
            state.pointee.slots[index].trailers = Int32(kept)
        } else {
            state.pointee.heldTrailers[stream] = trailers
            state.pointee.slots[index].trailers = StreamSlot.heldTrailers
        }
    }

    private func resume(_ stream: Int32, _ index: Int) {
        guard state.pointee.slots[index].flags.contains(.deferred) else { return }
        state.pointee.slots[index].flags.remove(.deferred)
        nghttp2_session_resume_data(session, stream)
    }

    /// The streams on which bytes have waited since `time` or longer, without the peer taking any.
    package func stalledStreams(since time: Int64) -> [Int32] {
        guard state.pointee.queuedBytes > 0 else { return [] }
        var stalled: [Int32] = []
        for index in 0..<state.pointee.slots.count {
            let slot = state.pointee.slots[index]
            if slot.stream != 0, slot.queued > 0, slot.waitingSince <= time {
                stalled.append(slot.stream)
            }
        }
        return stalled
    }

    /// Bytes that wait to be sent on a stream; zero for one that is over.
    package func queuedBytes(stream: Int32) -> Int {
        let index = state.pointee.table.find(stream)
        return index >= 0 ? state.pointee.slots[index].queued : 0
    }

    /// Whether anything waits to be sent on a stream: bytes, or the trailers behind them. A reset would
    /// overtake it.
    package func hasOutput(stream: Int32) -> Bool {
        let index = state.pointee.table.find(stream)
        guard index >= 0 else { return false }
        let slot = state.pointee.slots[index]
        return slot.queued > 0 || slot.trailers != StreamSlot.noTrailers
    }

    /// Whether a writer may go on. After false, wait for `streamWritable` or `streamClosed`.
    package func isWritable(stream: Int32) -> Bool {
        guard let index = sendable(stream) else { return false }
        return !state.pointee.slots[index].flags.contains(.pressured)
    }

    /// Gives the stream up: drops what waits on it and tells the peer. `streamClosed` follows when
    /// the reset is taken as output, or at once if the request never went out.
    @discardableResult
    package func reset(stream: Int32, errorCode: HTTP2ErrorCode) -> Bool {
        guard let index = slot(stream) else { return false }
        state.pointee.dropQueue(index)
        state.pointee.slots[index].flags.insert(.isResetting)
        nghttp2_submit_rst_stream(session, Self.none, stream, errorCode.rawValue)
        if !state.pointee.slots[index].flags.contains(.opened) {
            state.pointee.close(stream, errorCode)
        }
        return true
    }
}
