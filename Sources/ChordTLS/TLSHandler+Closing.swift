// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Closing a connection: on request, or because of an error.
extension TLSHandler {
    package func close(
        context: ChannelHandlerContext,
        mode: CloseMode,
        promise: EventLoopPromise<Void>?
    ) {
        guard mode == .all else {
            promise?.fail(ChannelError.operationUnsupported)
            return
        }
        switch state {
        case .waiting, .closed:
            state = .closed
            context.close(promise: promise)
        case .handshaking(let deadline):
            letGoOfStep()
            deadline.cancel()
            keepClosePromise(promise)
            connection?.shutdown()
            closeAfterFlush(context)
        case .open:
            keepClosePromise(promise)
            connection?.shutdown()
            closeAfterFlush(context)
        case .closing, .lingering:
            keepClosePromise(promise)
        }
    }

    private func keepClosePromise(_ promise: EventLoopPromise<Void>?) {
        guard let promise else { return }
        if let closePromise {
            closePromise.futureResult.cascade(to: promise)
        } else {
            closePromise = promise
        }
    }

    /// Closes the channel once the kernel has our last bytes. Closing it earlier would discard
    /// them.
    func closeAfterFlush(_ context: ChannelHandlerContext) {
        state = .closing(deadline: nil)
        failPending(TLSError(.closed, "the connection was closed before this was flushed"))
        guard let connection, connection.hasCiphertext, context.channel.isActive else {
            return finishClose(context)
        }
        let loop = context.eventLoop.assumeIsolated()
        let deadline = loop.scheduleTask(in: TimeAmount(tls.configuration.closeTimeout)) { [self] in
            finishClose(context)
        }
        state = .closing(deadline: deadline)
        connection.drainCiphertext { buffer in
            let flushed = context.eventLoop.makePromise(of: Void.self)
            flushed.futureResult.assumeIsolated().whenComplete { [self] _ in finishClose(context) }
            context.writeAndFlush(wrapOutboundOut(buffer), promise: flushed)
        }
    }

    func finishClose(_ context: ChannelHandlerContext) {
        switch state {
        case .closing(let deadline): deadline?.cancel()
        case .lingering(let deadline): deadline.cancel()
        case .waiting, .handshaking, .open, .closed: return
        }
        state = .closed
        let promise = closePromise
        closePromise = nil
        context.close(promise: promise)
    }

    // MARK: Failing

    /// Ends the connection with an error. The order is: plaintext, our alert, the error, the close.
    func fail(_ error: TLSError, _ context: ChannelHandlerContext) {
        var wasHandshaking = false
        switch state {
        case .handshaking(let deadline):
            letGoOfStep()
            wasHandshaking = true
            deadline.cancel()
        case .waiting, .open: break
        case .closing, .lingering, .closed: return
        }
        state = .closing(deadline: nil)
        deliver(context)
        failPending(error)
        if wasHandshaking, case .server = side, let connection, connection.hasCiphertext,
            context.channel.isActive
        {
            let loop = context.eventLoop.assumeIsolated()
            let linger = TimeAmount(tls.configuration.refusalLinger)
            state = .lingering(
                deadline: loop.scheduleTask(in: linger) { [self] in finishClose(context) }
            )
            connection.drainCiphertext { buffer in
                context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
            }
            context.fireErrorCaught(error)
            return
        }
        context.fireErrorCaught(error)
        // A handler that saw the error may have closed the channel already.
        if case .closing(deadline: nil) = state {
            closeAfterFlush(context)
        }
    }
}
