// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
import ChordTLS
import CoreMetrics
import NIOCore
import NIOPosix

/// Dialling: whether it is allowed, how it is done, and the backoff after a failure.
extension ClientPeer {
    /// Starts to dial, or fails the call if dialling is not allowed yet.
    func dial(for call: NetworkCall) -> Bool {
        let host: NetworkAddress
        switch address {
        case .success(let parsed): host = parsed
        case .failure(let error):
            call.fail(Status(.unavailable, error.message, origin: .transport), isLater: true)
            return false
        }
        if let remaining = backoff.remaining(at: client.executor.now) {
            if call.request.waitsForReady {
                redialLater()
                return true
            }
            call.fail(
                unreachable(backoff.lastFailure, backoff.lastReason, until: remaining),
                isLater: true
            )
            return false
        }
        guard client.makeRoomToDial() else {
            call.fail(
                Status(
                    .resourceExhausted,
                    "as many connections as allowed are open, and all are in use",
                    origin: .local
                ),
                isLater: true
            )
            return false
        }
        dial(host)
        return true
    }

    private func unreachable(
        _ reason: String,
        _ failure: Status.Reason? = nil,
        until remaining: Duration
    ) -> Status {
        var status = Status(
            .unavailable,
            "cannot reach \(target.address): \(reason)",
            origin: .transport,
            reason: failure
        )
        status.redialMilliseconds = UInt32(clamping: remaining.clampedNanoseconds / 1_000_000)
        return status
    }

    private func dial(_ host: NetworkAddress) {
        isDialling = true
        dialStart = client.executor.now
        let settings = client.configuration.client
        let number = host.numericAddress
        let side = TLSConnection.Side.client(
            expected: expected,
            // TLS server names are host names, never IP addresses.
            serverName: number == nil ? host.host : nil,
            address: target.address
        )
        let bootstrap = ConnectionSockets(client.configuration)
            .set(on: ClientBootstrap(group: client.executor.eventLoop))
            .connectTimeout(TimeAmount(clamping: settings.connectTimeout))
            .channelOption(.recvAllocator, value: ConnectionBuffers.receiving)
            // A name with several addresses makes several channels, of which one is kept.
            .channelInitializer { [client, target] channel in
                channel.eventLoop.makeCompletedFuture {
                    let connection = ClientConnection(client: client, address: target.address)
                    try channel.pipeline.syncOperations.addHandlers([
                        TLSHandler(context: connection.trust.context, side: side), connection,
                    ])
                }
            }
        // The resolver would look up even an IP address, on another thread.
        let dialled =
            number.map { bootstrap.connect(to: $0) }
            ?? bootstrap.connect(host: host.host, port: host.port)
        dialled.whenComplete { [self] result in
            switch result {
            case .success(let channel): connected(channel)
            case .failure(let error):
                dialFailed(DialFailure.describe(error), DialFailure.reason(for: error))
            }
        }
    }

    private func connected(_ channel: any Channel) {
        isDialling = false
        guard
            let connection = try? channel.pipeline.syncOperations.handler(
                type: ClientConnection.self
            )
        else {
            channel.close(promise: nil)
            return dialFailed("the connection closed at once")
        }
        guard !client.isShuttingDown else {
            channel.close(promise: nil)
            return dialFailed("this side is shutting down")
        }
        self.connection = connection
        connection.attach(to: self)
    }

    func dialFailed(_ reason: String, _ failure: Status.Reason? = nil) {
        isDialling = false
        client.metrics.clientDialFailures.increment()
        let now = client.executor.now
        var generator = client.executor.generator
        backoff.failed(reason, failure, at: now, using: &generator)
        client.log.failure(
            "a peer cannot be reached",
            peer: target.address,
            error: Status(.unavailable, reason, origin: .transport, reason: failure),
            // A peer that stays unreachable is logged once.
            isRoutine: backoff.failures > 1,
            at: now
        )
        failWaiting(unreachable(reason, failure, until: backoff.remaining(at: now) ?? .zero))
        client.connectionClosed()
    }

    func resetBackoff() {
        assert(client.executor.isCurrent)
        backoff.reset()
        if redialTimer != nil {
            redialTimer?.cancel()
            redialTimer = nil
            redial()
        }
    }

    /// Dials at once if calls wait and there is no connection.
    func redial() {
        assert(client.executor.isCurrent)
        guard let first = waiting.first, connection == nil, !isDialling else { return }
        guard !client.isShuttingDown else {
            return failWaiting(EventLoopClient.shuttingDown, all: true)
        }
        if let remaining = backoff.remaining(at: client.executor.now) {
            return failWaiting(
                unreachable(backoff.lastFailure, backoff.lastReason, until: remaining)
            )
        }
        // The reason why the first call cannot dial holds for all of them.
        if !dial(for: first) { failWaiting(unreachable("no dial is possible", until: .zero)) }
    }

    /// Dials again for the waiting calls when the backoff ends.
    func redialLater() {
        guard redialTimer == nil else { return }
        let wait = backoff.remaining(at: client.executor.now) ?? .zero
        redialTimer = client.executor.eventLoop.scheduleTask(in: TimeAmount(clamping: wait)) {
            [weak self] in
            self?.redialTimer = nil
            self?.redial()
        }
    }
}
