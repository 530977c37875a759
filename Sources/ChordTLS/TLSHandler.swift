// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordIdentity
package import NIOCore

/// Fired inbound once, when the handshake is complete and the peer is verified.
package struct TLSHandshakeCompleted: Sendable, Hashable {
    /// The peer's identity.
    package let identity: PeerIdentity
}

/// Fired inbound once, when the peer has sent its first bytes.
package struct TLSFirstBytesReceived: Sendable, Hashable {}

/// TLS in a channel: ciphertext towards the socket, plaintext towards the rest of the pipeline.
///
/// One burst of reads becomes one `channelRead` of plaintext, and all writes before a flush become
/// one write of ciphertext. Errors are fired as `TLSError`, and the connection closes after each.
/// Half-closing is not supported.
package final class TLSHandler: ChannelDuplexHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = ByteBuffer
    package typealias OutboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    enum State {
        /// The channel is not active yet.
        case waiting
        case handshaking(deadline: Scheduled<Void>)
        case open
        /// The last bytes are being sent; a deadline limits that.
        case closing(deadline: Scheduled<Void>?)
        /// We refused the peer and give it time to read the alert. A requested close waits for the
        /// end of that time.
        case lingering(deadline: Scheduled<Void>)
        case closed
    }

    let tls: TLSContext
    let side: TLSConnection.Side
    private let worker: HandshakeWorker?
    var state = State.waiting
    var connection: TLSConnection?
    /// The step of the handshake that runs beside the loop. The connection is its own until it has ended.
    private var step: HandshakeStep?

    /// Plaintext of this burst of reads that is not yet fired.
    private var plaintext = ByteBuffer()
    private var peerHasClosed = false
    private var hasReceivedBytes = false

    /// Plaintext that is not yet flushed, or that waits for the end of the handshake.
    private var pending: ByteBuffer?
    private var pendingPromise: EventLoopPromise<Void>?
    private var flushIsWanted = false

    /// The context, kept while the handler delays a close.
    var closePromise: EventLoopPromise<Void>?

    /// Creates a handler for one connection. Failures are fired as errors.
    ///
    /// - Parameter worker: runs the steps of the handshake; nil for the event loop.
    package init(context: TLSContext, side: TLSConnection.Side, worker: HandshakeWorker? = nil) {
        tls = context
        self.side = side
        self.worker = worker
    }

    /// The peer's identity; nil before the handshake is complete.
    package var peerIdentity: PeerIdentity? { step == nil ? connection?.peerIdentity : nil }

    // MARK: Life cycle

    package func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive {
            begin(context)
        }
    }

    package func channelActive(context: ChannelHandlerContext) {
        context.fireChannelActive()
        begin(context)
    }

    package func channelInactive(context: ChannelHandlerContext) {
        let previous = state
        end()
        switch previous {
        case .handshaking:
            let address = connection?.address ?? "the peer"
            context.fireErrorCaught(
                TLSError(
                    .handshakeFailed,
                    "\(address) closed the connection during the handshake"
                )
            )
        case .open:
            deliver(context)
            if !peerHasClosed {
                context.fireErrorCaught(truncated)
            }
        case .waiting, .closing, .lingering, .closed:
            break
        }
        closePromise?.succeed()
        closePromise = nil
        context.fireChannelInactive()
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        end()
        closePromise?.succeed()
        closePromise = nil
        connection = nil
    }

    private var truncated: TLSError {
        TLSError(
            .truncated,
            "\(connection?.address ?? "the peer") ended the connection without a close_notify"
        )
    }

    /// Cancels timers and fails pending writes.
    private func end() {
        letGoOfStep()
        switch state {
        case .handshaking(let deadline), .lingering(let deadline): deadline.cancel()
        case .closing(let deadline): deadline?.cancel()
        case .waiting, .open, .closed: break
        }
        state = .closed
        failPending(TLSError(.closed, "the connection is closed"))
    }

    // MARK: Handshake

    private func begin(_ context: ChannelHandlerContext) {
        guard case .waiting = state else { return }
        do throws(TLSError) {
            connection = try TLSConnection(context: tls, side: side)
        } catch {
            return fail(error, context)
        }
        let timeout = tls.configuration.handshakeTimeout
        let deadline = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(timeout)) {
            [self] in
            guard case .handshaking = state else { return }
            let address = connection?.address ?? "the peer"
            fail(
                TLSError(
                    .handshakeTimeout,
                    "the handshake with \(address) took longer than \(timeout)"
                ),
                context
            )
        }
        state = .handshaking(deadline: deadline)
        if case .client = side {
            advance(context)
            flushCiphertext(context)
        }
    }

    /// Continues the handshake, and opens the connection when it is complete.
    private func advance(_ context: ChannelHandlerContext) {
        guard case .handshaking = state, let connection else { return }
        guard let worker else {
            let result = Result { () throws(TLSError) in try connection.advanceHandshake() }
            return advanced(result, context)
        }
        let step = HandshakeStep()
        self.step = step
        let owner = NIOLoopBound((self, step, context), eventLoop: context.eventLoop)
        worker.advance(connection, then: context.eventLoop) { result in
            let (handler, step, context) = owner.value
            guard handler.step === step else { return }
            handler.step = nil
            handler.continueAfter(step, result, context)
        }
    }

    /// A step beside the loop has ended: what came meanwhile is looked at now.
    private func continueAfter(
        _ step: HandshakeStep,
        _ result: Result<Bool, TLSError>,
        _ context: ChannelHandlerContext
    ) {
        advanced(result, context)
        if let received = step.received { channelRead(context: context, data: NIOAny(received)) }
        guard self.step == nil else {
            self.step?.isReadWanted = step.isReadWanted
            return
        }
        decrypt(context)
        channelReadComplete(context: context)
        if step.isReadWanted { context.read() }
    }

    /// Gives up a step that runs beside the loop, and the connection with it: the step may still use it.
    func letGoOfStep() {
        guard step != nil else { return }
        step = nil
        connection = nil
    }

    private func advanced(_ result: Result<Bool, TLSError>, _ context: ChannelHandlerContext) {
        guard case .handshaking(let deadline) = state, let connection else { return }
        switch result {
        case .success(true): break
        case .success(false): return flushCiphertext(context)
        case .failure(let error): return fail(error, context)
        }
        deadline.cancel()
        state = .open
        if let identity = connection.peerIdentity {
            context.fireUserInboundEventTriggered(TLSHandshakeCompleted(identity: identity))
        }
        // This comes after the event, so that writes by its receivers leave together with our last
        // handshake bytes.
        if flushIsWanted {
            encryptPending(context)
        }
        flushCiphertext(context)
    }

    // MARK: Reading

    /// Nothing is read while a step runs beside the loop, so that a peer cannot fill memory meanwhile.
    package func read(context: ChannelHandlerContext) {
        if let step {
            step.isReadWanted = true
        } else {
            context.read()
        }
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if let step { return step.receive(unwrapInboundIn(data)) }
        switch state {
        case .handshaking:
            if !hasReceivedBytes {
                hasReceivedBytes = true
                context.fireUserInboundEventTriggered(TLSFirstBytesReceived())
            }
            connection?.feed(unwrapInboundIn(data))
            advance(context)
        case .open:
            connection?.feed(unwrapInboundIn(data))
        case .waiting, .closing, .lingering, .closed:
            return
        }
        decrypt(context)
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        let hasDelivered = deliver(context)
        context.fireChannelReadComplete()
        if peerHasClosed, case .open = state {
            close(context: context, mode: .all, promise: nil)
            return
        }
        // Decrypting can produce an answer, such as a key update.
        flushCiphertext(context)
        switch state {
        case .handshaking where step != nil: break
        case .handshaking, .open:
            // The reader has asked for plaintext and received none yet.
            if !hasDelivered { context.read() }
        case .waiting, .closing, .lingering, .closed:
            break
        }
    }

    /// Frees the buffers of an idle connection.
    package func releaseMemory() {
        connection?.releaseMemory()
        if plaintext.readableBytes == 0 { plaintext = ByteBuffer() }
    }

    private func decrypt(_ context: ChannelHandlerContext) {
        guard case .open = state, let connection, !peerHasClosed else { return }
        do throws(TLSError) {
            if try connection.read(into: &plaintext) == .peerClosed {
                peerHasClosed = true
            }
        } catch {
            fail(error, context)
        }
    }

    /// Fires the plaintext of this burst.
    @discardableResult
    func deliver(_ context: ChannelHandlerContext) -> Bool {
        guard plaintext.readableBytes > 0 else { return false }
        // The buffer is taken out first, because its receiver may cause another read. Its memory is
        // reused if nothing holds it.
        var buffer = ByteBuffer()
        swap(&buffer, &plaintext)
        context.fireChannelRead(wrapInboundOut(buffer))
        if plaintext.capacity == 0, connection?.keepsBuffer(of: buffer.capacity) == true {
            buffer.clear()
            plaintext = buffer
        }
        return true
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed {
            switch state {
            case .handshaking, .open: fail(truncated, context)
            case .lingering: finishClose(context)
            case .waiting, .closing, .closed: break
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    // MARK: Writing

    package func write(
        context: ChannelHandlerContext,
        data: NIOAny,
        promise: EventLoopPromise<Void>?
    ) {
        switch state {
        case .waiting, .handshaking, .open: break
        case .closing, .lingering, .closed:
            promise?.fail(TLSError(.closed, "the connection is closed"))
            return
        }
        var buffer = unwrapOutboundIn(data)
        if pending == nil {
            pending = buffer
        } else {
            pending?.writeBuffer(&buffer)
        }
        guard let promise else { return }
        if let pendingPromise {
            pendingPromise.futureResult.cascade(to: promise)
        } else {
            pendingPromise = promise
        }
    }

    package func flush(context: ChannelHandlerContext) {
        switch state {
        case .open:
            encryptPending(context)
            flushCiphertext(context)
        case .waiting, .handshaking:
            flushIsWanted = true
        case .closing, .lingering, .closed:
            break
        }
    }

    private func encryptPending(_ context: ChannelHandlerContext) {
        flushIsWanted = false
        guard case .open = state, let connection, let buffer = pending else { return }
        pending = nil
        do throws(TLSError) {
            try connection.write(buffer)
        } catch {
            fail(error, context)
        }
    }

    /// Writes the ciphertext that OpenSSL has produced. The promise is that of the plaintext in it.
    private func flushCiphertext(_ context: ChannelHandlerContext) {
        guard step == nil, let connection else { return }
        guard connection.hasCiphertext else {
            // Without ciphertext, only empty writes are waiting.
            if pending == nil, let promise = pendingPromise {
                pendingPromise = nil
                promise.succeed()
            }
            return
        }
        connection.drainCiphertext { buffer in
            var promise: EventLoopPromise<Void>?
            if pending == nil {
                swap(&promise, &pendingPromise)
            }
            context.writeAndFlush(wrapOutboundOut(buffer), promise: promise)
        }
    }

    func failPending(_ error: TLSError) {
        pending = nil
        if let promise = pendingPromise {
            pendingPromise = nil
            promise.fail(error)
        }
    }
}
