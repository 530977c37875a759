// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import CoreMetrics

/// Reports of a peer's connections.
extension ClientPeer {
    func connectionReady(_ connection: ClientConnection) {
        guard connection === self.connection else { return }
        if backoff.failures > 0 {
            client.log.change("a peer is reached again", address: target.address)
        }
        backoff.reset()
        client.metrics.clientConnections.increment()
        if let dialStart {
            client.metrics.dialTime.recordNanoseconds(
                (client.executor.now - dialStart).clampedNanoseconds
            )
        }
        submitWaiting()
    }

    /// A stream has ended, or the peer allows more of them.
    func connectionHasRoom(_ connection: ClientConnection) {
        if !waiting.isEmpty { submitWaiting() }
    }

    /// The connection takes no new calls and completes those it has.
    func connectionDrains(_ connection: ClientConnection) {
        guard connection === self.connection else { return }
        self.connection = nil
        draining.append(connection)
        redial()
    }

    /// The connection is closed; its calls have failed or are retried.
    func connectionClosed(
        _ connection: ClientConnection,
        wasReady: Bool,
        reason: String,
        failure: Status.Reason?
    ) {
        draining.removeAll { $0 === connection }
        if connection === self.connection {
            self.connection = nil
            if wasReady {
                // No GOAWAY came before: the peer is gone, or the network path to it.
                if !client.isShuttingDown { client.losses.report(target.address) }
                redial()
            } else {
                dialFailed(reason, failure)
            }
        }
        client.connectionClosed()
    }

    /// The peer has closed a connection for being pinged too often.
    func pingsRefused() {
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
