// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CNGHTTP2
package import NIOCore

/// One HTTP/2 connection without a network: bytes in, events out; commands in, bytes out.
///
/// In each turn the owner calls ``receive(_:)`` with the bytes read, handles each ``nextEvent()``, gives
/// commands, calls ``takeOutput(into:limit:)`` once, writes the output, and calls ``removeEvents()``. When
/// ``isFinished``, it closes. Taking output produces events too (a stream closes when its last frame
/// is written), to be seen then or in the next turn.
///
/// Confined to one event loop. The session holds no reference to its owner and calls nobody.
package final class HTTP2Session {
    package enum Role: Hashable, Sendable {
        case client
        case server
    }

    package let role: Role
    package let limits: HTTP2Limits
    let session: OpaquePointer
    /// Allocated, because nghttp2 keeps a pointer to it.
    let state: UnsafeMutablePointer<SessionState>
    /// nghttp2's allocator, allocated for the same reason.
    private let pool: UnsafeMutablePointer<MemoryPool>
    /// Output serialised already: by ``receive(_:)`` to learn of a failure, or by ourselves when
    /// nghttp2 can no longer be asked.
    var stash: [UInt8] = []
    /// nghttp2 has failed and may only be freed.
    private(set) var isDead = false

    /// Begins a connection: the preface (of a client), SETTINGS and the connection's window wait
    /// to be taken as output.
    ///
    /// - Throws: `outOfMemory`, or `invalidArgument` for limits outside what HTTP/2 allows.
    package init(role: Role, limits: HTTP2Limits = HTTP2Limits()) throws(HTTP2Error) {
        let state = UnsafeMutablePointer<SessionState>.allocate(capacity: 1)
        state.initialize(to: SessionState(isServer: role == .server, limits: limits))
        let pool = UnsafeMutablePointer<MemoryPool>.allocate(capacity: 1)
        pool.initialize(to: MemoryPool())
        do throws(HTTP2Error) {
            session = try Self.makeSession(role, limits, state, pool)
        } catch {
            pool.deinitialize(count: 1)
            pool.deallocate()
            state.deinitialize(count: 1)
            state.deallocate()
            throw error
        }
        self.role = role
        self.limits = limits
        self.state = state
        self.pool = pool
        try submitPreface()
    }

    deinit {
        // nghttp2 goes first: it points into header lists that the state keeps. Both give memory back to
        // the pool.
        nghttp2_session_del(session)
        state.deinitialize(count: 1)
        state.deallocate()
        pool.deinitialize(count: 1)
        pool.deallocate()
    }

    private static func makeSession(
        _ role: Role,
        _ limits: HTTP2Limits,
        _ state: UnsafeMutablePointer<SessionState>,
        _ pool: UnsafeMutablePointer<MemoryPool>
    ) throws(HTTP2Error) -> OpaquePointer {
        var option: OpaquePointer?
        defer { nghttp2_option_del(option) }
        guard let callbacks = SessionCallbacks.table.pointer, nghttp2_option_new(&option) == 0
        else { throw HTTP2Error(code: .outOfMemory, message: "making a session") }
        nghttp2_option_set_no_auto_window_update(option, 1)
        nghttp2_option_set_no_closed_streams(option, 1)
        // RequestRules checks requests, once per field.
        nghttp2_option_set_no_http_messaging(option, role == .server ? 1 : 0)
        // Other implementations send error messages that end with a space; losing the whole answer
        // over it would be out of proportion.
        nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(option, 1)
        nghttp2_option_set_max_deflate_dynamic_table_size(option, Int(limits.headerTableBytes))
        nghttp2_option_set_stream_reset_rate_limit(
            option,
            limits.maxStreamResets,
            limits.streamResetsPerSecond
        )
        nghttp2_option_set_max_continuations(option, max(limits.maxContinuations, 0))
        nghttp2_option_set_max_outbound_ack(option, max(limits.maxOutboundAcknowledgements, 0))
        SessionCallbacks.nameUnknownTypes(to: option)
        nghttp2_option_set_max_settings(option, max(limits.maxSettings, 0))
        var session: OpaquePointer?
        var memory = MemoryPool.allocator(pool)
        let result =
            switch role {
            case .client: nghttp2_session_client_new3(&session, callbacks, state, option, &memory)
            case .server: nghttp2_session_server_new3(&session, callbacks, state, option, &memory)
            }
        guard result == 0, let session else {
            throw HTTP2Error(library: Int(result), doing: "making a session")
        }
        return session
    }

    private func submitPreface() throws(HTTP2Error) {
        var settings = [
            entry(NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, limits.headerTableBytes),
            entry(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, UInt32(max(limits.initialStreamWindow, 0))),
            entry(NGHTTP2_SETTINGS_MAX_FRAME_SIZE, limits.maxFrameSize),
            entry(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.maxHeaderListBytes),
            // All streams are equal; the tree of dependencies would cost time.
            entry(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1),
        ]
        switch role {
        case .client: settings.append(entry(NGHTTP2_SETTINGS_ENABLE_PUSH, 0))
        case .server:
            settings.append(
                entry(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.maxConcurrentStreams)
            )
        }
        let none = UInt8(NGHTTP2_FLAG_NONE.rawValue)
        var result = nghttp2_submit_settings(session, none, settings, settings.count)
        if result == 0 {
            result = nghttp2_session_set_local_window_size(
                session,
                none,
                0,
                max(limits.connectionWindow, 65_535)
            )
        }
        if result != 0 { throw HTTP2Error(library: Int(result), doing: "submitting settings") }
    }

    private func entry(_ name: nghttp2_settings_id, _ value: UInt32) -> nghttp2_settings_entry {
        nghttp2_settings_entry(settings_id: Int32(name.rawValue), value: value)
    }

    // MARK: Input

    /// Parses bytes from the peer and appends events.
    ///
    /// Pointers into earlier events' payloads end here: the memory may move.
    ///
    /// - Throws: why the connection is lost: `badPreface`, `protocolViolation`, `flooded`,
    ///   `tooManyContinuations`. Events from before are there, and a GOAWAY that tells the peer can
    ///   be taken as output; then close.
    package func receive(_ input: UnsafeRawBufferPointer) throws(HTTP2Error) {
        if let failure = state.pointee.failure { throw failure }
        guard !isDead else { throw HTTP2Error(code: .closed, message: "the session has failed") }
        guard let base = input.baseAddress, input.count > 0 else { return }
        state.pointee.counters.bytesReceived += UInt64(input.count)
        state.pointee.windowsChanged = false
        let before = nghttp2_session_get_outbound_queue_size(session)
        let result = nghttp2_session_mem_recv(
            session,
            base.assumingMemoryBound(to: UInt8.self),
            input.count
        )
        if result < 0 {
            var error = HTTP2Error(library: result, doing: "receiving")
            error.isFromReading = true
            throw fail(error)
        }
        // nghttp2 queues a GOAWAY for a violation and continues. Only serialising what it has queued
        // shows that, which is rare enough to do at once.
        guard nghttp2_session_get_outbound_queue_size(session) > before else { return }
        try stashOutput()
        guard state.pointee.windowOverflowed else { return }
        // nghttp2 resets only the streams; section 6.9.2 of RFC 9113 demands a connection error.
        nghttp2_session_terminate_session(session, NGHTTP2_FLOW_CONTROL_ERROR.rawValue)
        try stashOutput()
    }

    private func stashOutput() throws(HTTP2Error) {
        while state.pointee.failure == nil, stash.count < 256 << 10 {
            var pointer: UnsafePointer<UInt8>?
            let count = nghttp2_session_mem_send(session, &pointer)
            if count < 0 { throw fail(HTTP2Error(library: count, doing: "sending")) }
            if count == 0 { return }
            stash.append(contentsOf: UnsafeBufferPointer(start: pointer, count: count))
        }
        if let failure = state.pointee.failure { throw failure }
    }

    /// Records a fatal failure of nghttp2 and writes the GOAWAY that nghttp2 would not write.
    private func fail(_ error: HTTP2Error) -> HTTP2Error {
        isDead = true
        state.pointee.failure = error
        let last = UInt32(bitPattern: nghttp2_session_get_last_proc_stream_id(session))
        stash += [0, 0, 8, UInt8(NGHTTP2_GOAWAY.rawValue), 0, 0, 0, 0, 0]
        withUnsafeBytes(of: last.bigEndian) { stash.append(contentsOf: $0) }
        withUnsafeBytes(of: error.wireCode.rawValue.bigEndian) { stash.append(contentsOf: $0) }
        state.pointee.goAwaySent = true
        return error
    }

    // MARK: Output

    /// Writes the waiting output into a buffer, all of it unless there is a limit.
    ///
    /// The limit is exceeded by at most one frame, or by what reading had to serialise at once. While the
    /// peer does not read, take no output and feed no input: that bounds what the peer can make us hold.
    ///
    /// - Returns: how many bytes were written.
    /// - Throws: when nghttp2 fails, for want of memory; the GOAWAY is in the next output.
    @discardableResult
    package func takeOutput(
        into buffer: inout ByteBuffer,
        limit: Int? = nil
    ) throws(HTTP2Error) -> Int {
        var taken = 0
        let most = limit ?? Int.max
        if !stash.isEmpty {
            taken = stash.count
            buffer.writeBytes(stash)
            stash.removeAll(keepingCapacity: stash.capacity <= 4096)
        }
        while !isDead, taken < most {
            // The last frame did not fit into the buffer.
            var pointer: UnsafePointer<UInt8>?
            var count = 0
            taken += buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 512) { memory in
                var filled = 0
                while taken + filled < most {
                    count = nghttp2_session_mem_send(session, &pointer)
                    guard count > 0, let frame = pointer, count <= memory.count - filled else {
                        return filled
                    }
                    (memory.baseAddress.unsafelyUnwrapped + filled).copyMemory(
                        from: frame,
                        byteCount: count
                    )
                    filled += count
                }
                count = 0
                return filled
            }
            if count < 0 { throw fail(HTTP2Error(library: count, doing: "sending")) }
            if count == 0 { break }
            buffer.writeBytes(UnsafeRawBufferPointer(start: pointer, count: count))
            taken += count
        }
        state.pointee.counters.bytesSent += UInt64(taken)
        return taken
    }

    // MARK: State

    /// Why this side gave the connection up; nil if it did not.
    package var failure: HTTP2Error? { state.pointee.failure }

    package var wantsRead: Bool { !isDead && nghttp2_session_want_read(session) != 0 }

    package var wantsWrite: Bool {
        !stash.isEmpty || (!isDead && nghttp2_session_want_write(session) != 0)
    }

    /// Nothing is left to read or write: close the connection once the output taken is flushed.
    package var isFinished: Bool { !wantsRead && !wantsWrite }

    /// Streams neither side is done with, requests that wait for their turn included.
    package var openStreams: Int { state.pointee.table.count }

    /// Sets the time, in milliseconds of any monotonic clock: it tells how long a stream's output has waited.
    package func setClock(_ milliseconds: Int64) { state.pointee.clock = milliseconds }

    /// Bytes of message data that wait to be sent, on all streams.
    package var queuedBytes: Int { state.pointee.queuedBytes }

    package var counters: HTTP2Counters { state.pointee.counters }

    /// The number of the header block that is incomplete; nil if there is none.
    package var incompleteHeaderBlock: UInt64? {
        state.pointee.isBlockIncomplete ? state.pointee.blocksBegun : nil
    }

    /// Streams we may have open at the peer; 100 until its settings arrive.
    package var remoteMaxConcurrentStreams: Int {
        Int(
            nghttp2_session_get_remote_settings(
                session,
                NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS
            )
        )
    }

    /// Whether a GOAWAY has come from the peer: it takes no new streams.
    package var isPeerGoingAway: Bool { state.pointee.goAwayReceived }

    /// Gives back memory that an idle connection need not hold.
    package func releaseMemory() {
        state.pointee.releaseMemory()
        pool.pointee.releaseMemory()
        if stash.isEmpty { stash = [] }
    }
}

/// Reading events and what they carry.
extension HTTP2Session {
    /// The next event not seen yet. Commands may be given while going through them.
    package func nextEvent() -> HTTP2Event? {
        let index = state.pointee.nextEvent
        guard index < state.pointee.events.count else { return nil }
        state.pointee.nextEvent = index + 1
        return state.pointee.events[index]
    }

    /// Removes all events, handled or not, and their contents; keeps the memory.
    package func removeEvents() {
        state.pointee.removeEvents()
    }

    /// A field of a header list, in the order received. The pointers are good until the next
    /// ``receive(_:)`` or ``removeEvents()``.
    package func field(_ index: Int, of block: HTTP2HeaderBlock) -> (
        name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer
    ) {
        state.pointee.field(block, index)
    }

    /// A request's field whose name was recognised, otherwise like ``field(_:of:)``.
    package func knownField(_ index: Int, of block: HTTP2HeaderBlock) -> (
        name: HTTP2FieldName, value: UnsafeRawBufferPointer
    ) {
        state.pointee.knownField(block, index)
    }

    /// The value of the first field with a name, as long as ``field(_:of:)``'s.
    package func value(
        of name: StaticString,
        in block: HTTP2HeaderBlock
    ) -> UnsafeRawBufferPointer? {
        state.pointee.value(of: name, in: block)
    }

    /// The bytes of a data event, or the debug data of a GOAWAY, as long as ``field(_:of:)``'s.
    package func bytes(_ payload: HTTP2Payload) -> UnsafeRawBufferPointer {
        state.pointee.text(Int(payload.start), payload.count)
    }
}

@available(*, unavailable)
extension HTTP2Session: Sendable {}
