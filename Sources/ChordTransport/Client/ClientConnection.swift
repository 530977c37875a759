// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordIdentity
import ChordRPC
import ChordTLS
import CoreMetrics
import NIOCore
import Synchronization

/// One dialled connection, from its TLS handshake to its end.
///
/// Calls that start in one turn of the loop leave in one write, and so does what answers one read.
///
/// Confined to its channel's event loop, which is what makes `@unchecked Sendable` true.
final class ClientConnection: ChannelDuplexHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = Never
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    enum Phase {
        case handshaking
        /// TLS is done, as far as we can see: a server that refuses our certificate says so only
        /// now. Its SETTINGS are the proof that it takes us.
        case waitingForSettings
        case ready
        /// Takes no new calls and finishes those it has.
        case draining
        case closed
    }

    /// Tells connections apart: a later one has a higher number.
    let number = lastNumber.add(1, ordering: .relaxed).newValue
    private static let lastNumber = Atomic<UInt64>(0)

    let client: EventLoopClient
    private let address: String
    var phase = Phase.handshaking
    private(set) var peerIdentity: PeerIdentity?
    weak var peer: ClientPeer?
    private(set) var session: HTTP2Session?
    var table = ClientCallTable()
    private(set) var context: ChannelHandlerContext?
    let output = SessionOutput()
    /// Which streams share the room that the session has for output.
    var room = StreamRoom()
    private var headers = HTTP2Headers(ClientHeaders.request)
    /// Submitted, and not with the socket yet.
    private var unsent: [NetworkCall] = []
    private var isReading = false
    private var isFlushScheduled = false
    private var isReadHeld = false
    private var wasReady = false
    private var readyTimer: Scheduled<Void>?
    /// Why the connection ended, from whoever knew first.
    var reason: String?
    /// What there is to do about that.
    private var failure: Status.Reason?
    var lastReceived: MonotonicTime
    var lastUsed: MonotonicTime
    var pingsSent: UInt64 = 0
    /// Bytes of answers that are not whole.
    var heldBytes = 0
    var pingTimer: Scheduled<Void>?
    var keepaliveTimer: Scheduled<Void>?
    /// The context by which the peer was last found good.
    var judgedBy: TLSContext
    private var floods: FloodGuard

    init(client: EventLoopClient, address: String) {
        self.client = client
        self.address = address
        lastReceived = client.executor.now
        lastUsed = lastReceived
        judgedBy = client.tls.current
        floods = FloodGuard(client.configuration.limits, at: lastReceived)
    }

    var calls: [NetworkCall] { table.all }

    var receiveLimit: Int { client.configuration.receiveLimitBytes }

    /// Whether a call that is submitted now gets a stream at once.
    var hasRoom: Bool {
        guard phase == .ready, let session else { return false }
        return table.count < session.remoteMaxConcurrentStreams
    }

    /// The dial has come through: from now on `peer` hears of the connection.
    func attach(to peer: ClientPeer) {
        self.peer = peer
        // What happened before was nobody's to hear.
        switch phase {
        case .closed: return ended()
        case .ready: return peer.connectionReady(self)
        case .handshaking, .waitingForSettings, .draining: break
        }
        let timeout = client.configuration.client.readyTimeout
        readyTimer = schedule(after: timeout) { connection in
            connection.close(because: "the connection was not ready within \(timeout)")
        }
    }

    // MARK: Calls

    /// Sends a call.
    ///
    /// - Returns: false where the connection has just found that it takes no more calls.
    func submit(_ call: NetworkCall) -> Bool {
        guard let session, phase == .ready else { return false }
        let now = client.executor.now
        let isEndless = call.deadline == .distantFuture
        ClientHeaders.fill(
            &headers,
            for: call.request,
            remaining: isEndless ? nil : call.deadline - now
        )
        do throws(HTTP2Error) {
            if let flow = call.flow {
                call.opened(try session.submitRequest(headers), on: self)
                table.insert(call)
                flow.opened(in: session)
                return hasSubmitted(call, at: now)
            }
            let stream = try RequestBody.withFrame(
                of: call.request.message,
                encoding: call.request.compression
            ) {
                body throws(HTTP2Error) in
                try session.submitUnaryRequest(headers, body: body)
            }
            call.opened(stream, on: self)
            table.insert(call)
        } catch {
            return refuseToSubmit(call, error)
        }
        return hasSubmitted(call, at: now)
    }

    private func hasSubmitted(_ call: NetworkCall, at now: MonotonicTime) -> Bool {
        unsent.append(call)
        lastUsed = now
        scheduleFlush()
        return true
    }

    private func refuseToSubmit(_ call: NetworkCall, _ error: HTTP2Error) -> Bool {
        switch error.code {
        case .goingAway, .streamsExhausted, .closed:
            drain()
            return false
        default:
            call.fail(
                Status(.resourceExhausted, "the call cannot be sent: \(error)", origin: .local),
                peer: peerIdentity,
                isLater: true
            )
            return true
        }
    }

    func hasGainedRoom() {
        lastUsed = client.executor.now
        peer?.connectionHasRoom(self)
        closeIfDrained()
    }

    func refused(_ call: NetworkCall) {
        if let peer { peer.refused(call) } else { call.fail(lost) }
    }

    // MARK: The channel's events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        phase = .closed
        ended()
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        phase = .closed
        ended()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let completed = event as? TLSHandshakeCompleted {
            handshakeCompleted(completed.identity)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let session, phase != .closed else { return }
        isReading = true
        lastReceived = client.executor.now
        var failure: HTTP2Error?
        unwrapInboundIn(data).withUnsafeReadableBytes { bytes in
            do throws(HTTP2Error) { try session.receive(bytes) } catch { failure = error }
        }
        handleEvents(of: session)
        if let failure { fail(failure) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        flush()
        context.fireChannelReadComplete()
    }

    /// A peer that does not take our requests is not read from either.
    func read(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            context.read()
        } else {
            isReadHeld = true
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            flush()
            if isReadHeld {
                isReadHeld = false
                context.read()
            }
        }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        failure = failure ?? DialFailure.reason(for: error)
        if let error = error as? TLSError, error.isRefusal, phase != .closed {
            client.log.refusal(
                "a certificate was refused",
                peer: address,
                error: error,
                at: client.executor.now
            )
        }
        close(because: DialFailure.describe(error))
    }

    // MARK: Life

    private func handshakeCompleted(_ identity: PeerIdentity) {
        guard phase == .handshaking else { return }
        do throws(HTTP2Error) {
            session = try HTTP2Session(role: .client, limits: client.configuration.limits)
        } catch {
            return close(because: "\(error)")
        }
        peerIdentity = identity
        phase = .waitingForSettings
        flush()
    }

    private func handleEvents(of session: HTTP2Session) {
        while let event = session.nextEvent() {
            switch event {
            case .headers(let stream, let block, .response, let endStream):
                receiveHead(stream, block, endStream, session)
            case .headers(let stream, let block, .trailers, _):
                receiveTrailers(stream, block, session)
            case .data(let stream, let payload, let endStream):
                receiveData(stream, session.bytes(payload), endStream, session)
            case .streamClosed(let stream, let code):
                streamClosed(stream, code)
            case .settings:
                becomeReady()
            case .pingAck:
                pingTimer?.cancel()
                pingTimer = nil
            case .goAway(_, let code, let debug):
                peerGoesAway(
                    code,
                    String(decoding: session.bytes(debug).prefix(100), as: UTF8.self)
                )
            case .streamWritable(let stream):
                table.find(stream)?.flow?.outputWaits()
            case .reset(let stream, _):
                table.find(stream)?.isResetByPeer = true
            case .headers, .settingsAck:
                break
            }
        }
        session.removeEvents()
        if phase != .closed, session.failure == nil,
            let flood = floods.flood(of: session.counters, at: client.executor.now)
        {
            session.goAway(errorCode: .enhanceYourCalm)
            fail(
                HTTP2Error(
                    code: .flooded,
                    message: "the peer sent \(flood.rawValue)",
                    wireCode: .enhanceYourCalm
                )
            )
        }
    }

    private func becomeReady() {
        guard phase == .waitingForSettings else {
            // The limit of streams may have changed.
            return hasGainedRoom()
        }
        // A GOAWAY in the same read is looked at next: this connection is for nobody.
        guard session?.isPeerGoingAway == false else { return }
        phase = .ready
        wasReady = true
        readyTimer?.cancel()
        lastUsed = client.executor.now
        startKeepalive()
        peer?.connectionReady(self)
    }

    func scheduleFlush() {
        guard !isReading, !isFlushScheduled else { return }
        isFlushScheduled = true
        client.executor.eventLoop.execute { [self] in
            isFlushScheduled = false
            flush()
        }
    }

    private func flush() {
        guard let session, let context, phase != .closed else { return }
        do throws(HTTP2Error) {
            if try output.write(from: session, to: context), !unsent.isEmpty { tellSent() }
        } catch {
            return fail(error)
        }
        handleEvents(of: session)
        for link in room.takeStarved(in: session) { link.outputWaits() }
        if session.isFinished { close(because: "the peer went away") }
    }

    private func tellSent() {
        let calls = unsent
        unsent.removeAll(keepingCapacity: true)
        client.metrics.callsSent.increment(by: calls.count)
        let now = client.executor.now
        for call in calls { call.sent(at: now) }
    }

    /// The peer broke the rules of HTTP/2: it is told, and the connection ends.
    private func fail(_ error: HTTP2Error) {
        client.metrics.clientProtocolErrors.increment()
        if let session, let context, phase != .closed,
            (try? output.write(from: session, to: context)) == true
        {
            tellSent()
        }
        close(because: "\(error)")
    }

    /// Closes the connection behind what is written already; its calls fail now.
    func close(because reason: String) {
        guard phase != .closed else { return }
        phase = .closed
        self.reason = self.reason ?? reason
        if let session, let context {
            // What goes to the next connection must not leave by this one too.
            for call in unsent { session.reset(stream: call.stream, errorCode: .cancel) }
            session.goAway()
            _ = try? output.write(from: session, to: context)
        }
        ended()
        context?.close(promise: nil)
    }

    private var lost: Status {
        let what =
            wasReady ? "the connection to \(address) was lost" : "cannot connect to \(address)"
        return Status(
            .unavailable,
            "\(what): \(reason ?? "the peer closed it")",
            origin: .transport,
            reason: failure
        )
    }

    /// Tells whoever waits for the connection, once.
    private func ended() {
        readyTimer?.cancel()
        pingTimer?.cancel()
        pingTimer = nil
        keepaliveTimer?.cancel()
        // What has not left this side can be sent again without harm.
        let unseen = Set(unsent.map(ObjectIdentifier.init))
        unsent = []
        let status = lost
        var retried: [NetworkCall] = []
        for call in table.removeAll() {
            let isRepeatable = call.flow?.isReplayable ?? true
            if peer != nil, isRepeatable, unseen.contains(ObjectIdentifier(call)) {
                retried.append(call)
            } else {
                call.fail(status, peer: peerIdentity, isLater: true)
            }
        }
        guard let peer else { return }
        defer { for call in retried { peer.refused(call) } }
        self.peer = nil
        peer.connectionClosed(
            self,
            wasReady: wasReady,
            reason: reason ?? "the peer closed the connection",
            failure: failure
        )
    }
}
