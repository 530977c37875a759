// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import CoreMetrics

/// What a peer asks of us when it gives a connection up.
extension ClientPeer {
    /// The peer has closed a connection for being pinged too often.
    func pingsTooOften(on connection: ClientConnection) {
        client.metrics.pingsRefused.increment()
        guard let interval = keepaliveInterval else { return }
        let next = client.configuration.client.keepalive.interval(after: interval)
        keepaliveInterval = next
        client.log.failure(
            "a peer objects to keepalive pings; from now on they come every \(next)",
            peer: target.address,
            error: Status(
                .unavailable,
                "ENHANCE_YOUR_CALM, too_many_pings",
                origin: .transport
            ),
            at: client.executor.now
        )
    }

    /// The peer has no room for us now: dialling again at once would only cost it another handshake.
    func askedForCalm(_ connection: ClientConnection, _ reason: String) {
        guard connection === self.connection else { return }
        var generator = client.executor.generator
        backoff.failed(reason, at: client.executor.now, using: &generator)
    }
}
