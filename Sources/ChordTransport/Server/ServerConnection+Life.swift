// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordIdentity
import ChordRPC
import ChordTLS
import CoreMetrics
import NIOCore

/// Executes the decisions of `ServerConnectionState`.
extension ServerConnection {
    /// The handler between this one and the socket.
    private var tlsHandler: TLSHandler? {
        try? context?.pipeline.syncOperations.handler(type: TLSHandler.self)
    }

    /// Lets the client finish the calls it has begun and begin no others, then closes.
    func drain() {
        assert(executor.isCurrent)
        carryOut(state.drain(at: executor.now))
    }

    func carryOut(_ actions: [ServerConnectionState.Action]) {
        for action in actions { carryOut(action) }
        armTimer()
    }

    func armTimer() {
        guard let deadline = state.nextDeadline else { return }
        timer.include(deadline, on: executor.eventLoop) { [weak self] in self?.timeReached() }
    }

    private func timeReached() {
        timer.hasFired()
        guard state.phase != .closed else { return }
        carryOut(state.timeReached(executor.now, observation))
    }

    private var observation: ServerConnectionState.Observation {
        ServerConnectionState.Observation(
            hasCalls: !streams.isEmpty,
            openStreams: session?.openStreams ?? 0,
            bytesReceived: session?.counters.bytesReceived ?? 0,
            bytesSent: session?.counters.bytesSent ?? 0,
            hasWaitingOutput: context?.channel.isWritable == false || session?.wantsWrite == true,
            distrust: trust.refusal(
                of: calls?.peer,
                by: shared.tls.current,
                wallClockMilliseconds: executor.wallClockMilliseconds,
                tlsHandler
            ).map { Status(.unauthenticated, $0) }
        )
    }

    private func carryOut(_ action: ServerConnectionState.Action) {
        switch action {
        case .sendShutdownNotice: session?.shutdownNotice()
        case .sendPing(let value): session?.ping(value)
        case .sendFinalGoAway: session?.goAway()
        case .abandonRequests(let time): abandonRequests(begunBy: time)
        case .resetStreams(let time): resetStreams(stalledSince: time)
        case .releaseMemory: return releaseMemory()
        case .logDistrust(let reason):
            return log("closing a connection whose certificate is no longer valid", reason)
        case .close(let reason): return close(reason)
        }
        scheduleFlush()
    }

    private func log(_ text: String, _ error: any Error) {
        shared.log.failure(text, peer: peerDescription, error: error, at: executor.now)
    }

    private func abandonRequests(begunBy time: MonotonicTime) {
        for stream in streams.all where stream.begun <= time {
            let flow = stream.flow
            guard stream.phase == .receiving || flow?.awaitsRequest == true else { continue }
            let status = Status(
                .deadlineExceeded,
                "the request was not complete in time (\(TransportLimit.requestTime.rawValue))"
            )
            shared.limits.count(.requestTime)
            if flow == nil {
                abandonRequest(stream, status, isComplete: false)
            } else {
                finishStream(stream, status, trailers: [])
            }
        }
    }

    /// Each stream has its own time, whatever the client does on others.
    private func resetStreams(stalledSince time: MonotonicTime) {
        guard let session else { return }
        touchClock()
        let stalled = session.stalledStreams(since: time.milliseconds)
        guard !stalled.isEmpty else { return }
        shared.limits.count(.outputTime, by: UInt64(stalled.count))
        log(
            "resetting streams whose answers the client does not read",
            Status(
                .resourceExhausted,
                "\(stalled.count) streams (\(TransportLimit.outputTime.rawValue))"
            )
        )
        for stream in stalled { session.reset(stream: stream, errorCode: .enhanceYourCalm) }
    }

    private func releaseMemory() {
        session?.releaseMemory()
        streams.releaseMemory()
        repeatedHead = nil
        output.releaseMemory()
        tlsHandler?.releaseMemory()
        reply = []
    }

    // MARK: The end

    private func close(_ reason: ServerConnectionState.CloseReason) {
        let settings = shared.configuration.server
        switch reason {
        case .settingsTimeout:
            session?.terminate(errorCode: .settingsTimeout)
            closeFailed(
                HTTP2Error(
                    code: .protocolViolation,
                    message: "no SETTINGS arrived in time",
                    wireCode: .settingsTimeout
                ),
                .settingsTime
            )
        case .headerTimeout:
            session?.goAway(errorCode: .enhanceYourCalm, debug: "headers_too_slow")
            closeFailed(
                HTTP2Error(
                    code: .flooded,
                    message: "a header block was not complete within"
                        + " \(settings.limits.headerTimeout)",
                    wireCode: .enhanceYourCalm
                ),
                .headerTime
            )
        case .outputStalled:
            closeFailed(
                HTTP2Error(code: .flooded, message: "the client does not read its answers"),
                .outputTime
            )
        case .silence:
            shared.metrics.silentConnections.increment()
            log(
                "closing a connection whose client is silent",
                Status(
                    .unavailable,
                    "no answer to a ping within \(settings.keepalive.timeout)"
                )
            )
            closeChannel()
        case .untrusted, .graceOver, .neverOpened: closeChannel()
        }
    }

    /// Closes the connection after the output that is already written.
    func close() {
        assert(executor.isCurrent)
        if state.close() { closeChannel() }
    }

    /// The client broke the rules of HTTP/2: it is told, and the connection ends.
    func fail(_ error: HTTP2Error, limit: TransportLimit? = nil) {
        guard state.close() else { return }
        closeFailed(error, limit)
    }

    private func closeFailed(_ error: HTTP2Error, _ limit: TransportLimit?) {
        let passed = session.flatMap {
            state.abuse.limit(behind: error, $0.counters, openStreams: $0.openStreams)
        }
        if let limit = limit ?? passed { shared.limits.count(limit) }
        shared.metrics.serverProtocolErrors.increment()
        log("a client broke off or broke the protocol", error)
        if let session, let context { _ = try? output.write(from: session, to: context) }
        closeChannel()
    }

    private func closeChannel() {
        cancelCalls()
        context?.close(promise: nil)
    }

    /// The channel is gone.
    func end() {
        assert(executor.isCurrent)
        noteLoss()
        _ = state.close()
        timer.cancel()
        alarm.cancel()
        cancelCalls()
        publishCalls()
        share?.publish(bytes: 0)
        share = nil
        let identity = calls?.peer
        calls = nil
        let isLast = shared.connections.remove(self)
        if isLost, isLast, let identity, identity.role == .node { shared.losses.report(identity) }
    }

    /// The channel ends, and this side has not closed it.
    func noteLoss() {
        if state.phase == .waitingForSettings || state.phase == .open { isLost = true }
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
