// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordIdentity
import ChordRPC
import ChordTLS
import CoreMetrics
import NIOCore

/// One accepted connection, from its TLS handshake to its end.
///
/// One read is one turn: the session parses the bytes, each complete call is answered in place, and all
/// answers leave in one write. No task, no hop between threads.
///
/// Confined to its channel's event loop, which makes `@unchecked Sendable` true: NIO calls the handler
/// there, `ResponseSink` asks its callers for the same, and debug builds assert it.
final class ServerConnection: ChannelDuplexHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = Never
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    // The event loop prevents concurrent access, and small methods prevent overlapping access. Checking
    // the latter at run time cost 3 % of a call.

    let shared: ServerShared
    let router: Router
    let executor: EventLoopExecutor
    /// The client's address, for the log.
    let remoteAddress: String
    /// The connection's state machine, whose decisions this class executes.
    @exclusivity(unchecked) var state: ServerConnectionState
    /// Set for the state's next deadline.
    var timer = DeadlineAlarm()
    /// The values that all its calls share, once the client is authenticated. It holds a reference
    /// to the connection and is released at its end.
    @exclusivity(unchecked) var calls: ServerCallContext?
    @exclusivity(unchecked) var session: HTTP2Session?
    let streams = ServerStreamTable()
    /// The call heads of repeated header lists.
    @exclusivity(unchecked) var repeatedHead: CallHead?
    /// Answers are written here, behind room for their prefix.
    @exclusivity(unchecked) var reply: [UInt8] = []
    /// Streams answered before their request was complete. They are reset after the answer was
    /// sent, because a reset would overtake waiting data of its stream.
    var unwanted: [Int32] = []
    /// Streams among `unwanted` that were refused because of a limit.
    var refusedAtLimit: Set<Int32> = []
    /// Which streams share the room that the session has for output.
    @exclusivity(unchecked) var room = StreamRoom()
    /// For header lists that are not prepared.
    var failureHeaders = HTTP2Headers(ServerHeaders.response)
    /// The stream of the call whose handler runs now, or 0: `conclude` removes its record, not the answer.
    @exclusivity(unchecked) var dispatched: Int32 = 0
    // Taken from the configuration, because copying that retains a dozen references.
    let compressesAnswers: Bool
    let receiveLimitBytes: Int
    let maxHeldBytes: Int
    @exclusivity(unchecked) var alarm = DeadlineAlarm()
    /// Calls begun since they were last counted.
    @exclusivity(unchecked) private var uncountedCalls = 0
    /// The number of the method that they called.
    @exclusivity(unchecked) private var countedMethod = 0
    private let callCounters: [Counter]
    @exclusivity(unchecked) private(set) var context: ChannelHandlerContext?
    let output = SessionOutput()
    /// The time of the present read, looked up once.
    @exclusivity(unchecked) private var turnTime: MonotonicTime?
    @exclusivity(unchecked) private var isReading = false
    private var isFlushScheduled = false
    private var isReadHeld = false
    /// Its part of the shared budgets, once the client is authenticated.
    @exclusivity(unchecked) var share: ConnectionShare?
    /// Whether the caller's end has ended first.
    @exclusivity(unchecked) var isLost = false
    var trust: PeerTrust

    init(
        shared: ServerShared,
        router: Router,
        callCounters: [Counter],
        executor: EventLoopExecutor,
        remoteAddress: String
    ) {
        self.shared = shared
        self.router = router
        self.callCounters = callCounters
        self.executor = executor
        self.remoteAddress = remoteAddress
        state = ServerConnectionState(shared.configuration, at: executor.now)
        trust = PeerTrust(acceptedBy: shared.tls.current)
        compressesAnswers = shared.configuration.server.compressesAnswers
        receiveLimitBytes = shared.configuration.receiveLimitBytes
        maxHeldBytes = shared.configuration.server.limits.maxHeldBytesPerConnection
    }

    // MARK: The channel's events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end()
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let completed = event as? TLSHandshakeCompleted {
            handshakeCompleted(completed.identity)
        } else if event is TLSFirstBytesReceived {
            shared.connections.heard(from: self)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let session, state.phase != .closed else { return }
        isReading = true
        session.setClock(now.milliseconds)
        let buffer = unwrapInboundIn(data)
        do throws(HTTP2Error) {
            var failure: HTTP2Error?
            buffer.withUnsafeReadableBytes { bytes in
                do throws(HTTP2Error) { try session.receive(bytes) } catch { failure = error }
            }
            if let failure { throw failure }
            handleEvents(of: session)
        } catch {
            handleEvents(of: session)
            fail(error)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        publishCallCount()
        turnTime = nil
        isReading = false
        publishCalls()
        flush()
        streams.shrink()
        context.fireChannelReadComplete()
    }

    /// Counts a call of a method, or of none. Those of one method that follow each other are counted
    /// together.
    func countCall(of route: Router.Route?) {
        let method = route?.number ?? callCounters.count - 1
        if method != countedMethod {
            publishCallCount()
            countedMethod = method
        }
        uncountedCalls += 1
    }

    private func publishCallCount() {
        guard uncountedCalls > 0 else { return }
        callCounters[countedMethod].increment(by: uncountedCalls)
        uncountedCalls = 0
        state.callsBegan(at: now)
    }

    /// If a client does not read its answers, this side does not read its requests. The memory that
    /// it can cause is limited by the answers to one read and by the session's limits.
    func read(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            context.read()
        } else {
            isReadHeld = true
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            touchClock()
            flush()
            if isReadHeld {
                isReadHeld = false
                context.read()
            }
        }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if state.phase == .handshaking {
            shared.metrics.serverHandshakeFailures.increment()
            shared.log.failure(
                "a handshake failed",
                peer: remoteAddress,
                error: error,
                at: executor.now
            )
        } else {
            shared.log.failure(
                "a connection was lost",
                peer: peerDescription,
                error: error,
                isRoutine: true,
                at: executor.now
            )
        }
        noteLoss()
        _ = state.close()
        context.close(promise: nil)
    }

    var now: MonotonicTime {
        if let turnTime { return turnTime }
        let time = executor.now
        if isReading { turnTime = time }
        return time
    }

    var peerDescription: String { calls.map { "\($0.peer)" } ?? remoteAddress }

    // MARK: Life

    private func handshakeCompleted(_ identity: PeerIdentity) {
        guard state.phase == .handshaking else { return }
        do throws(HTTP2Error) {
            session = try HTTP2Session(role: .server, limits: shared.configuration.limits)
        } catch {
            return fail(error)
        }
        calls = ServerCallContext(peer: identity, executor: executor, sink: self)
        guard isWelcome(identity) else { return }
        state.handshakeCompleted(at: executor.now)
        armTimer()
        shared.metrics.serverConnections.increment()
        // The client's settings have mostly arrived already: ours leave together with their acknowledgement.
        scheduleFlush()
    }

    private func handleEvents(of session: HTTP2Session) {
        while let event = session.nextEvent() {
            switch event {
            case .headers(let stream, let block, .request, let endStream):
                beginCall(stream, block, endStream, session)
            case .headers(let stream, _, _, endStream: true):
                endRequest(stream)
            case .data(let stream, let payload, let endStream):
                receive(stream, session.bytes(payload), endStream, session)
            case .streamClosed(let stream, _):
                streamClosed(stream)
            case .settings:
                settingsReceived(session)
            case .pingAck(let value):
                let received = session.counters.bytesReceived
                carryOut(state.pingAcknowledged(value, at: now, bytesReceived: received))
            case .streamWritable(let stream):
                streams.find(stream)?.flow?.outputWaits()
            case .headers, .reset, .settingsAck, .goAway:
                break
            }
        }
        session.removeEvents()
        applyLimits(to: session)
    }

    private func settingsReceived(_ session: HTTP2Session) {
        guard state.phase == .waitingForSettings else { return }
        var generator = executor.generator
        state.settingsReceived(
            at: now,
            openStreams: session.openStreams,
            bytesReceived: session.counters.bytesReceived,
            ageFactor: Double.random(in: 0.9...1.1, using: &generator)
        )
        armTimer()
    }

    /// Output of a read is written at its end; other output shares one write per turn of the loop.
    func scheduleFlush() {
        assert(executor.isCurrent)
        guard !isReading, !isFlushScheduled else { return }
        isFlushScheduled = true
        executor.eventLoop.execute { [self] in
            isFlushScheduled = false
            touchClock()
            publishCalls()
            flush()
        }
    }

    /// Passes the time to the session, for output outside a read.
    func touchClock() {
        if !isReading { session?.setClock(executor.now.milliseconds) }
    }

    func flush() {
        assert(executor.isCurrent)
        guard let session, let context, state.phase != .closed else { return }
        do throws(HTTP2Error) {
            // nghttp2 may have queued frames of its own; checking an empty queue is cheap.
            _ = try output.write(from: session, to: context)
            if !unwanted.isEmpty, context.channel.isWritable {
                // Output that waits for the client's flow-control window is not sent yet.
                unwanted.removeAll { stream in
                    if session.hasOutput(stream: stream) { return false }
                    let wasRefused = refusedAtLimit.remove(stream) != nil
                    if session.reset(stream: stream, errorCode: .noError), wasRefused {
                        state.abuse.resetsForgiven += 1
                    }
                    return true
                }
                _ = try output.write(from: session, to: context)
            }
        } catch {
            return fail(error)
        }
        handleEvents(of: session)
        for link in room.takeStarved(in: session) { link.outputWaits() }
        share?.publish(bytes: heldBytes)
        if session.isFinished { close() }
    }
}
