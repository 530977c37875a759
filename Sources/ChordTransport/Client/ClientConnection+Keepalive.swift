// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordIdentity
import ChordRPC
import ChordTLS
import NIOCore

/// Connections that are open for long: signs of life, a peer that goes away, and whether its
/// certificate is still good.
extension ClientConnection {
    /// The handler between this one and the socket.
    var tlsHandler: TLSHandler? {
        try? context?.pipeline.syncOperations.handler(type: TLSHandler.self)
    }

    /// What a server of gRPC says to a client that pings too often.
    private static let tooManyPings = "too_many_pings"

    /// Begins to wait for a silence.
    func startKeepalive() {
        guard let interval = peer?.keepaliveInterval else { return }
        let quiet = client.executor.now - lastReceived
        // A silence that is over already, without calls, is looked at once per interval.
        let wait = quiet < interval ? interval - quiet : interval
        keepaliveTimer = schedule(after: wait) { $0.lookForSilence(interval) }
    }

    private func lookForSilence(_ interval: Duration) {
        guard phase == .ready || phase == .draining else { return }
        let settings = client.configuration.client.keepalive
        let quiet = client.executor.now - lastReceived
        if settings.isDue(after: quiet, interval: interval, hasCalls: !table.isEmpty) {
            ping(timeout: settings.timeout)
            scheduleFlush()
        }
        startKeepalive()
    }

    /// The peer has sent a GOAWAY.
    func peerGoesAway(_ code: HTTP2ErrorCode, _ debug: String) {
        if code != .noError {
            let what = "the peer gave the connection up: \(code)"
            // A plain word as it is; anything else must not forge what it is printed in.
            let isPlain = debug.utf8.allSatisfy { (0x20...0x7e).contains($0) }
            let text = isPlain ? debug : quoted(debug)
            reason = reason ?? (debug.isEmpty ? what : "\(what), \(text)")
            if code == .enhanceYourCalm, debug == Self.tooManyPings {
                peer?.pingsTooOften(on: self)
            } else if code == .enhanceYourCalm, phase == .ready, let reason {
                peer?.askedForCalm(self, reason)
            }
        }
        drain()
    }

    /// Why the peer would not be taken for what it was any more; nil where it would be.
    func distrust() -> String? {
        guard let peerIdentity else { return nil }
        if peerIdentity.notAfter < Int64(client.executor.wallClockMilliseconds / 1000) {
            return "the peer's certificate has expired"
        }
        let current = client.tls.current
        guard current !== judgedBy else { return nil }
        if let error = tlsHandler?.revalidate(with: current) { return "\(error)" }
        judgedBy = current
        return nil
    }
}
