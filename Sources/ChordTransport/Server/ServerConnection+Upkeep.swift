// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordIdentity
import ChordRPC
import ChordTLS
import NIOCore

/// What an open connection's regular look has found so far.
struct ServerUpkeep {
    /// Bytes sent by the last look, and since when they have not become more although there was something
    /// to send.
    var bytesSent: UInt64 = 0
    var stalledSince: MonotonicTime?
}

/// A regular look at each connection, for what nobody else would notice: idleness, expiry, requests
/// that never become whole, clients that do not read. And the end in good order.
extension ServerConnection {
    /// The value of the ping behind a draining connection's first GOAWAY.
    static let drainPing: UInt64 = 0x6472_6169_6e21

    /// Where something is under way, a sixth of the time that it may go without progress. Whoever begins
    /// between two looks at a quiet connection is seen by the second.
    private var tickInterval: Duration {
        let settings = shared.configuration.server
        let stall = session?.openStreams == 0 ? settings.stallTimeout : settings.stallTimeout / 6
        return max(min(.seconds(30), settings.idleTimeout, stall), .milliseconds(10))
    }

    /// What has made no progress for so long would be over its time by the next look.
    private var patience: Duration { shared.configuration.server.stallTimeout / 6 * 5 }

    func startTick(after delay: Duration) {
        tick?.cancel()
        tick = executor.eventLoop.scheduleTask(in: TimeAmount(clamping: delay)) { [weak self] in
            self?.ticked()
        }
    }

    func becomeOpen() {
        guard phase == .waitingForSettings else { return }
        phase = .open
        startKeepalive()
        startAging()
        startTick(after: tickInterval)
    }

    private func ticked() {
        switch phase {
        case .handshaking, .closed: return
        case .waitingForSettings:
            session?.terminate(errorCode: .settingsTimeout)
            return fail(
                HTTP2Error(
                    code: .protocolViolation,
                    message: "no SETTINGS came in time",
                    wireCode: .settingsTimeout
                ),
                limit: .settingsTime
            )
        case .draining where !isDrainNoticeOver: return sendFinalGoAway()
        case .open, .draining: break
        }
        let now = executor.now
        if closeIfDistrusted() || closeIfStalled(at: now) { return }
        giveUpSlowRequests(at: now)
        resetStalledStreams(at: now)
        if phase == .closed { return }
        if streams.isEmpty, session?.openStreams == 0 {
            let idle = executor.now - lastActivity
            if idle >= shared.configuration.server.idleTimeout { return drain() }
            if idle >= .seconds(10) { releaseMemory() }
        }
        startTick(after: tickInterval)
    }

    private func closeIfDistrusted() -> Bool {
        guard let reason = distrust() else { return false }
        shared.log.failure(
            "closing a connection whose certificate is not good any more",
            peer: peerDescription,
            error: reason,
            at: executor.now
        )
        // Calls that are under way have until the next look.
        if phase == .draining { close() } else { drain() }
        return true
    }

    /// A client that takes nothing at all of what it asked for holds memory for as long as it likes.
    private func closeIfStalled(at now: MonotonicTime) -> Bool {
        guard let session, let context, !context.channel.isWritable || session.wantsWrite else {
            upkeep.stalledSince = nil
            return false
        }
        let sent = session.counters.bytesSent
        guard sent == upkeep.bytesSent, let since = upkeep.stalledSince else {
            upkeep.bytesSent = sent
            upkeep.stalledSince = now
            return false
        }
        guard now - since >= patience else { return false }
        fail(
            HTTP2Error(code: .flooded, message: "the client does not take its answers"),
            limit: .outputTime
        )
        return true
    }

    /// A stream whose window the client does not open is judged by its own clock, whatever the client does
    /// on others.
    private func resetStalledStreams(at now: MonotonicTime) {
        guard let session else { return }
        session.setClock(now.milliseconds)
        let stalled = session.stalledStreams(since: (now + (.zero - patience)).milliseconds)
        guard !stalled.isEmpty else {
            // What had no room because of others may have it now.
            return scheduleFlush()
        }
        shared.limits.count(.outputTime, by: UInt64(stalled.count))
        shared.log.failure(
            "resetting streams whose answers the client does not take",
            peer: peerDescription,
            error: Status(
                .resourceExhausted,
                "\(stalled.count) streams (\(TransportLimit.outputTime.rawValue))"
            ),
            at: now
        )
        for stream in stalled { session.reset(stream: stream, errorCode: .enhanceYourCalm) }
        scheduleFlush()
    }

    private func giveUpSlowRequests(at now: MonotonicTime) {
        for stream in streams.all where stream.phase == .receiving {
            guard now - stream.begun >= patience else { continue }
            let status = Status(
                .deadlineExceeded,
                "the request did not become whole in time (\(TransportLimit.requestTime.rawValue))"
            )
            shared.limits.count(.requestTime)
            abandonRequest(stream, status, isComplete: false)
            scheduleFlush()
        }
    }

    private func releaseMemory() {
        session?.releaseMemory()
        streams.releaseMemory()
        openings = OpeningQueue()
        repeatedHead = nil
        output.releaseMemory()
        tlsHandler?.releaseMemory()
        reply = []
    }

    // MARK: Draining

    /// Lets the client finish what it has begun and begin nothing more, then closes.
    func drain() {
        switch phase {
        case .handshaking, .waitingForSettings: return close()
        case .open: break
        case .draining, .closed: return
        }
        phase = .draining
        // First a notice that names no stream: requests that are on their way now still arrive. The
        // ping's answer says that the client has read the notice.
        session?.shutdownNotice()
        session?.ping(Self.drainPing)
        scheduleFlush()
        startTick(after: shared.configuration.server.drainNotice)
    }

    func sendFinalGoAway() {
        guard phase == .draining, !isDrainNoticeOver else { return }
        isDrainNoticeOver = true
        session?.goAway()
        scheduleFlush()
        startTick(after: tickInterval)
    }
}
