// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordIdentity
import ChordRPC
import ChordTLS
import CoreMetrics
import NIOCore

/// Calls that end from this side, connections that have nothing to do any more, and peers that have
/// gone silent.
extension ClientConnection {
    /// A call on this connection was ended from this side.
    func abandoned(_ call: NetworkCall, isOverdue: Bool) {
        guard table.remove(call), let session else { return }
        hold(0, for: call)
        session.reset(stream: call.stream, errorCode: .cancel)
        call.flow?.leave(session)
        // Either the peer is slow or it is gone, and only a ping tells. A caller that cancels may
        // have lost patience for the same reason, if nothing at all has come since it called.
        if isOverdue || lastReceived < call.sentAt ?? lastReceived {
            ping(timeout: client.configuration.client.pingTimeout)
        }
        scheduleFlush()
        hasGainedRoom()
    }

    /// Takes no new calls and closes once those under way have ended.
    func drain() {
        switch phase {
        case .ready:
            phase = .draining
            peer?.connectionDrains(self)
            closeIfDrained()
        case .handshaking, .waitingForSettings: close(because: "the peer is going away")
        case .draining, .closed: break
        }
    }

    func closeIfDrained() {
        if phase == .draining, table.isEmpty { close(because: "the connection was drained") }
    }

    /// Looks, every now and then, whether the connection is still of use.
    func sweep(at now: MonotonicTime) {
        if let distrust = distrust() {
            // What is under way has the time between two sweeps.
            if phase == .draining { return close(because: distrust) }
            if phase == .ready { return drain() }
        }
        switch phase {
        case .ready where table.isEmpty:
            if now - lastUsed >= client.configuration.client.idleTimeout {
                drain()
            } else if now - lastUsed >= .seconds(10) {
                session?.releaseMemory()
                output.releaseMemory()
                tlsHandler?.releaseMemory()
            }
        case .handshaking, .waitingForSettings, .ready, .draining, .closed: break
        }
    }

    func schedule(
        after delay: Duration,
        _ work: @escaping @Sendable (ClientConnection) -> Void
    ) -> Scheduled<Void> {
        client.executor.eventLoop.scheduleTask(in: TimeAmount(clamping: delay)) { [weak self] in
            if let self { work(self) }
        }
    }

    // MARK: Liveness

    /// Asks the peer for a sign of life and closes the connection where none comes.
    func ping(timeout: Duration) {
        guard pingTimer == nil, let session else { return }
        pingsSent += 1
        session.ping(pingsSent)
        pingTimer = schedule(after: timeout) { connection in
            connection.client.metrics.silentConnections.increment()
            connection.close(because: "no answer to a ping within \(timeout)")
        }
    }
}
