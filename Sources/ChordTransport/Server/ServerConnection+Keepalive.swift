// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordIdentity
import ChordRPC
import ChordTLS
import CoreMetrics
import NIOCore

/// Connections that are open for long: whether their client still lives, how old they become, and
/// whether its certificate is still good.
extension ServerConnection {
    /// The handler between this one and the socket.
    var tlsHandler: TLSHandler? {
        try? context?.pipeline.syncOperations.handler(type: TLSHandler.self)
    }

    /// The value of the ping that asks for a sign of life.
    static let keepalivePing: UInt64 = 0x6b65_6570_616c

    /// Begins to wait for a silence; also when one has ended.
    func startKeepalive() {
        keepaliveTimer?.cancel()
        guard let received = session?.counters.bytesReceived else { return }
        let interval = shared.configuration.server.keepalive.interval
        keepaliveTimer = schedule(after: interval) { connection in
            connection.lookForSilence(since: received)
        }
    }

    private func lookForSilence(since received: UInt64) {
        guard let session else { return }
        // A connection without calls may be quiet; idleness ends it in time.
        if session.counters.bytesReceived != received || session.openStreams == 0 {
            return startKeepalive()
        }
        session.ping(Self.keepalivePing)
        scheduleFlush()
        let timeout = shared.configuration.server.keepalive.timeout
        keepaliveTimer = schedule(after: timeout) { connection in
            connection.shared.metrics.silentConnections.increment()
            connection.shared.log.failure(
                "closing a connection whose client is silent",
                peer: connection.peerDescription,
                error: Status(.unavailable, "no answer to a ping within \(timeout)"),
                at: connection.executor.now
            )
            connection.close()
        }
    }

    /// Gives the connection the time that it may live, where that is limited.
    func startAging() {
        let keepalive = shared.configuration.server.keepalive
        guard let age = keepalive.maxAge else { return }
        var generator = executor.generator
        let factor = Double.random(in: 0.9...1.1, using: &generator)
        let nanoseconds = Double(age.clampedNanoseconds) * factor
        let life = Duration.nanoseconds(Int64(min(max(nanoseconds, 0), 1e18)))
        ageTimer = schedule(after: life) { connection in
            connection.drain()
            connection.ageTimer = connection.schedule(after: keepalive.maxAgeGrace) { $0.close() }
        }
    }

    /// Why the client would not be let in any more; nil where it would be.
    func distrust() -> Status? {
        if let peer = calls?.peer, peer.notAfter < Int64(executor.wallClockMilliseconds / 1000) {
            return Status(.unauthenticated, "the certificate has expired")
        }
        let current = shared.tls.current
        guard current !== judgedBy else { return nil }
        if let error = tlsHandler?.revalidate(with: current) {
            return Status(.unauthenticated, "\(error)")
        }
        judgedBy = current
        return nil
    }
}
