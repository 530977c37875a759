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
    /// Bytes sent by the last look, and how many looks in a row have found no more although there
    /// was something to send.
    var bytesSent: UInt64 = 0
    var stalledLooks = 0
}

/// A regular look at each connection, for what nobody else would notice: idleness, expiry, requests
/// that never become whole, clients that do not read. And the end in good order.
extension ServerConnection {
    /// The value of the ping behind a draining connection's first GOAWAY.
    static let drainPing: UInt64 = 0x6472_6169_6e21

    /// Looks after which what has made no progress is given up: one could come too soon after its
    /// beginning.
    private static let patience = 2

    private var tickInterval: Duration {
        let settings = shared.configuration.server
        let shortest = min(.seconds(30), settings.idleTimeout, settings.stallTimeout)
        return max(shortest, .milliseconds(10))
    }

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
        if closeIfDistrusted() || closeIfStalled() { return }
        giveUpSlowRequests()
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

    /// A client that takes nothing of what it asked for holds memory for as long as it likes.
    private func closeIfStalled() -> Bool {
        guard let session, session.queuedBytes > 0 || session.wantsWrite else {
            upkeep.stalledLooks = 0
            return false
        }
        let sent = session.counters.bytesSent
        upkeep.stalledLooks = sent == upkeep.bytesSent ? upkeep.stalledLooks + 1 : 0
        upkeep.bytesSent = sent
        guard upkeep.stalledLooks >= Self.patience else { return false }
        fail(
            HTTP2Error(code: .flooded, message: "the client does not take its answers"),
            limit: .outputTime
        )
        return true
    }

    private func giveUpSlowRequests() {
        for stream in streams.all where stream.phase == .receiving {
            stream.looks += 1
            guard stream.looks >= Self.patience else { continue }
            let status = Status(.deadlineExceeded, "the request did not become whole in time")
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
