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
/// A read is a turn: the session takes the bytes, each call that is whole is answered in place, and
/// all answers leave in one write. No task, no hop.
///
/// Confined to its channel's event loop, which is what makes `@unchecked Sendable` true: NIO calls
/// the handler there, and `ResponseSink` asks its callers for the same.
final class ServerConnection: ChannelDuplexHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = Never
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    enum Phase {
        case handshaking
        /// Secured; the client has not said how it wants HTTP/2.
        case waitingForSettings
        case open
        /// The client was told that we go away; what is on its way still comes.
        case draining
        case closed
    }

    // The event loop is what keeps these from being used by two at once; that no change of one is
    // interrupted by another is kept by small methods. Checking it at run time cost 3 % of a call.

    let shared: ServerShared
    let router: Router
    let executor: EventLoopExecutor
    /// For the log: where the client is, and who, once it is known.
    let remoteAddress: String
    @exclusivity(unchecked) var phase = Phase.handshaking
    /// What its calls have in common, once it is known who calls. Holds the connection, and is let
    /// go of at its end.
    @exclusivity(unchecked) private(set) var calls: ServerCallContext?
    @exclusivity(unchecked) var session: HTTP2Session?
    let streams = ServerStreamTable()
    /// What the calls ask for whose header list came before.
    @exclusivity(unchecked) var repeatedHead: CallHead?
    /// Calls that have no record yet; empty but while events are handled.
    @exclusivity(unchecked) var openings = OpeningQueue()
    /// What the call `dispatched` asks for, while it has no record.
    @exclusivity(unchecked) var unrecorded: CallHead?
    /// Answers are written here, behind room for their prefix.
    @exclusivity(unchecked) var reply: [UInt8] = []
    /// Answered before their request was whole; reset once the answer is out, since a reset overtakes
    /// whatever still waits on its stream.
    var unwanted: [Int32] = []
    /// Those of them that were refused because of a limit.
    var refusedAtLimit: Set<Int32> = []
    /// Which streams share the room that the session has for output.
    @exclusivity(unchecked) var room = StreamRoom()
    /// For the header lists that no prepared one fits.
    var failureHeaders = HTTP2Headers(ServerHeaders.response)
    /// The stream of the call whose handler runs now, 0 while none does: it is given back by the run and not by its answer.
    @exclusivity(unchecked) var dispatched: Int32 = 0
    // Out of the configuration, a copy of which is a dozen references.
    let compressesAnswers: Bool
    let receiveLimitBytes: Int
    let maxHeldBytes: Int
    @exclusivity(unchecked) var alarm = DeadlineAlarm()
    /// Calls begun since they were last counted.
    @exclusivity(unchecked) var uncountedCalls = 0
    @exclusivity(unchecked) private(set) var context: ChannelHandlerContext?
    let output = SessionOutput()
    /// The time of this read, looked up when the first call of it asks; a read is short.
    @exclusivity(unchecked) private var turnTime: MonotonicTime?
    @exclusivity(unchecked) private var isReading = false
    private var isFlushScheduled = false
    private var isReadHeld = false
    var lastActivity: MonotonicTime
    var tick: Scheduled<Void>?
    var isDrainNoticeOver = false
    var upkeep = ServerUpkeep()
    @exclusivity(unchecked) var guards: ConnectionGuards
    var keepaliveTimer: Scheduled<Void>?
    var headerTimer: Scheduled<Void>?
    /// The block that the timer runs for.
    var timedHeaderBlock: UInt64?
    var ageTimer: Scheduled<Void>?
    /// What it has of what all share, once it is known who calls.
    @exclusivity(unchecked) var share: ConnectionShare?
    /// The context by which its peer was last found good.
    var judgedBy: TLSContext

    init(
        shared: ServerShared,
        router: Router,
        executor: EventLoopExecutor,
        remoteAddress: String
    ) {
        self.shared = shared
        self.router = router
        self.executor = executor
        self.remoteAddress = remoteAddress
        lastActivity = executor.now
        guards = ConnectionGuards(shared.configuration, at: executor.now)
        judgedBy = shared.tls.current
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
        } else if event is TLSPeerSpoke {
            shared.connections.heard(from: self)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let session, phase != .closed else { return }
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
        if uncountedCalls > 0 {
            shared.metrics.callsReceived.increment(by: uncountedCalls)
            uncountedCalls = 0
            lastActivity = now
        }
        turnTime = nil
        isReading = false
        publishCalls()
        flush()
        streams.shrink()
        context.fireChannelReadComplete()
    }

    /// A client that does not take its answers is not read from: what it could make us hold stays
    /// bounded by one read's worth of answers and the session's limits.
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
        if phase == .handshaking {
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
        phase = .closed
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
        guard phase == .handshaking else { return }
        do throws(HTTP2Error) {
            session = try HTTP2Session(role: .server, limits: shared.configuration.limits)
        } catch {
            return fail(error)
        }
        calls = ServerCallContext(peer: identity, executor: executor, sink: self)
        lastActivity = executor.now
        guard isWelcome(identity) else { return }
        phase = .waitingForSettings
        shared.metrics.serverConnections.increment()
        startTick(after: shared.configuration.server.settingsTimeout)
        // The client's own settings are mostly here already: ours leave with the answer to them.
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
                becomeOpen()
            case .pingAck(Self.drainPing):
                sendFinalGoAway()
            case .pingAck(Self.keepalivePing):
                startKeepalive()
            case .streamWritable(let stream):
                streams.find(stream)?.flow?.outputWaits()
            case .headers, .reset, .settingsAck, .pingAck, .goAway:
                break
            }
        }
        enrollOpenings()
        session.removeEvents()
        watchHeaders(of: session)
        if phase != .closed, session.failure == nil,
            let excess = guards.excess(of: session, at: now)
        {
            giveUp(because: excess)
        }
    }

    /// What a read has produced leaves at its end; what comes later shares one write per turn of the
    /// loop.
    func scheduleFlush() {
        guard !isReading, !isFlushScheduled else { return }
        isFlushScheduled = true
        executor.eventLoop.execute { [self] in
            isFlushScheduled = false
            touchClock()
            publishCalls()
            flush()
        }
    }

    /// Tells the session the time, for what is sent outside of a read.
    func touchClock() {
        if !isReading { session?.setClock(executor.now.milliseconds) }
    }

    func flush() {
        guard let session, let context, phase != .closed else { return }
        do throws(HTTP2Error) {
            // A look at an empty queue costs next to nothing, and frames of nghttp2's own may wait.
            _ = try output.write(from: session, to: context)
            if !unwanted.isEmpty, context.channel.isWritable {
                // What the client's windows keep back is not out yet.
                unwanted.removeAll { stream in
                    if session.hasOutput(stream: stream) { return false }
                    let wasRefused = refusedAtLimit.remove(stream) != nil
                    if session.reset(stream: stream, errorCode: .noError), wasRefused {
                        guards.resetsForgiven += 1
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

    /// The client broke the rules of HTTP/2: it is told, and the connection ends.
    func fail(_ error: HTTP2Error, limit: TransportLimit? = nil) {
        guard phase != .closed else { return }
        if let limit = limit ?? guards.limit(behind: error, of: session) {
            shared.limits.count(limit)
        }
        shared.metrics.serverProtocolErrors.increment()
        shared.log.failure(
            "a client broke off or broke the protocol",
            peer: peerDescription,
            error: error,
            at: executor.now
        )
        if let session, let context { _ = try? output.write(from: session, to: context) }
        close()
    }

    /// Closes the connection behind what is written already.
    func close() {
        guard phase != .closed else { return }
        phase = .closed
        cancelCalls()
        context?.close(promise: nil)
    }

    private func end() {
        phase = .closed
        cancelTimers()
        cancelCalls()
        publishCalls()
        share?.publish(bytes: 0)
        share = nil
        calls = nil
        shared.connections.remove(self)
    }

    private func cancelCalls() {
        for stream in streams.all {
            let (deferred, flow) = (stream.deferred, stream.flow)
            streams.remove(stream)
            deferred?.cancel()
            flow?.end(Status(.cancelled, "the connection to the caller was lost"))
        }
    }
}
