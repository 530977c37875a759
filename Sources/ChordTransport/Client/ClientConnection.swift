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
/// Calls that start in one turn of the event loop leave in one write, and so do the responses to one read.
///
/// Confined to its channel's event loop, which makes `@unchecked Sendable` true; debug builds assert
/// it.
final class ClientConnection: ChannelDuplexHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = Never
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    /// Tells connections apart: a later one has a higher number.
    let number = lastNumber.add(1, ordering: .relaxed).newValue
    private static let lastNumber = Atomic<UInt64>(0)

    let client: EventLoopClient
    let address: String
    /// The connection's state machine, whose decisions this class executes.
    var state: ClientConnectionState
    /// Set for the state's next deadline.
    var timer = DeadlineAlarm()
    private(set) var peerIdentity: PeerIdentity?
    weak var peer: ClientPeer?
    private(set) var session: HTTP2Session?
    var table = ClientCallTable()
    private(set) var context: ChannelHandlerContext?
    let output = SessionOutput()
    /// Which streams share the room that the session has for output.
    var room = StreamRoom()
    private var headers = HTTP2Headers(ClientHeaders.request)
    /// Calls given to the session and not written to the socket yet.
    var unsent: [NetworkCall] = []
    private var isReading = false
    private var isFlushScheduled = false
    private var isReadHeld = false
    /// The reason for the end of the connection, if the operator can remove it.
    private(set) var failure: Status.Reason?
    /// Bytes of incomplete answers.
    var heldBytes = 0
    var trust: PeerTrust

    init(client: EventLoopClient, address: String) {
        self.client = client
        self.address = address
        state = ClientConnectionState(client.configuration, at: client.executor.now)
        trust = PeerTrust(acceptedBy: client.tls.current)
    }

    var calls: [NetworkCall] { table.all }

    var receiveLimit: Int { client.configuration.receiveLimitBytes }

    /// Whether a call that is submitted now gets a stream at once.
    var hasRoom: Bool {
        guard state.phase == .ready, let session else { return false }
        return table.count < session.remoteMaxConcurrentStreams
    }

    /// The dial has succeeded: from now on the connection reports to `peer`.
    func attach(to peer: ClientPeer) {
        assert(client.executor.isCurrent)
        self.peer = peer
        // Earlier events were not reported.
        switch state.phase {
        case .closed: return ended()
        case .ready: return peer.connectionReady(self)
        case .handshaking, .waitingForSettings, .draining: break
        }
        state.connected(at: client.executor.now)
        armTimer()
    }

    // MARK: Calls

    /// Sends a call.
    ///
    /// - Returns: false if the connection has just found that it takes no more calls.
    func submit(_ call: NetworkCall) -> Bool {
        assert(client.executor.isCurrent)
        guard let session, state.phase == .ready else { return false }
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
        state.callBegan(at: now)
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
        peer?.connectionHasRoom(self)
        carryOut(state.callEnded(at: client.executor.now, hasCalls: !table.isEmpty))
    }

    func refused(_ call: NetworkCall) {
        if let peer { peer.refused(call) } else { call.fail(lost) }
    }

    // MARK: The channel's events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        _ = state.close(because: nil)
        ended()
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        _ = state.close(because: nil)
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
        guard let session, state.phase != .closed else { return }
        isReading = true
        state.received(at: client.executor.now)
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

    /// A peer that does not read our requests is not read from either.
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
        if let error = error as? TLSError, error.isRefusal, state.phase != .closed {
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
        guard state.phase == .handshaking else { return }
        do throws(HTTP2Error) {
            session = try HTTP2Session(role: .client, limits: client.configuration.limits)
        } catch {
            return close(because: "\(error)")
        }
        peerIdentity = identity
        state.handshakeCompleted()
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
                settingsReceived(session)
            case .pingAck:
                state.pingAcknowledged()
            case .goAway(_, let code, let debug):
                let text = String(decoding: session.bytes(debug).prefix(100), as: UTF8.self)
                carryOut(state.peerGoesAway(code, debug: text, hasCalls: !table.isEmpty))
            case .streamWritable(let stream):
                table.find(stream)?.flow?.outputWaits()
            case .reset(let stream, _):
                table.find(stream)?.isResetByPeer = true
            case .headers, .settingsAck:
                break
            }
        }
        session.removeEvents()
        if state.phase != .closed, session.failure == nil,
            let flood = state.floods.flood(of: session.counters, at: client.executor.now)
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

    private func settingsReceived(_ session: HTTP2Session) {
        guard state.phase == .waitingForSettings else {
            // The limit of streams may have changed.
            return hasGainedRoom()
        }
        let isReady = state.settingsReceived(
            at: client.executor.now,
            isPeerGoingAway: session.isPeerGoingAway,
            keepaliveInterval: peer?.keepaliveInterval
        )
        guard isReady else { return }
        armTimer()
        peer?.connectionReady(self)
    }

    func scheduleFlush() {
        assert(client.executor.isCurrent)
        guard !isReading, !isFlushScheduled else { return }
        isFlushScheduled = true
        client.executor.eventLoop.execute { [self] in
            isFlushScheduled = false
            flush()
        }
    }

    private func flush() {
        guard let session, let context, state.phase != .closed else { return }
        do throws(HTTP2Error) {
            if try output.write(from: session, to: context), !unsent.isEmpty { reportSent() }
        } catch {
            return fail(error)
        }
        handleEvents(of: session)
        for link in room.takeStarved(in: session) { link.outputWaits() }
        if session.isFinished { close(because: "the peer went away") }
    }

    func reportSent() {
        let calls = unsent
        unsent.removeAll(keepingCapacity: true)
        client.metrics.callsSent.increment(by: calls.count)
        let now = client.executor.now
        for call in calls { call.sent(at: now) }
    }
}
