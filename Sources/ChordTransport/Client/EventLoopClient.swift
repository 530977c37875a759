// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import ChordTLS
import NIOCore

/// The part of the client that belongs to one event loop: the peers called from it.
///
/// Confined to that loop, which makes `@unchecked Sendable` true; debug builds assert it.
final class EventLoopClient: @unchecked Sendable {
    let executor: EventLoopExecutor
    let tls: TLSContextSource
    let configuration: TransportConfiguration
    let log: TransportLog
    let metrics: ChordTransportMetrics
    let losses: ConnectionLosses<String>
    /// This loop's share of the connections that may be open.
    private let maxConnections: Int
    /// By address, since nearly every address is called with one expectation only.
    private var byAddress: [String: [ClientPeer]] = [:]
    private var sweep: Scheduled<Void>?
    /// Runs once the last connection is closed, when shutting down.
    private var whenClosed: (() -> Void)?
    private var graceEnd: Scheduled<Void>?
    private(set) var isShuttingDown = false

    init(
        executor: EventLoopExecutor,
        tls: TLSContextSource,
        configuration: TransportConfiguration,
        log: TransportLog,
        metrics: ChordTransportMetrics,
        losses: ConnectionLosses<String>,
        maxConnections: Int
    ) {
        self.executor = executor
        self.tls = tls
        self.configuration = configuration
        self.log = log
        self.metrics = metrics
        self.losses = losses
        self.maxConnections = max(maxConnections, 1)
    }

    func start(_ call: NetworkCall) {
        assert(executor.isCurrent)
        guard call.phase != .finished else { return }
        guard !isShuttingDown else {
            return call.fail(Self.shuttingDown, isLater: true)
        }
        let target = call.request.target
        if let known = byAddress[target.address] {
            for peer in known where peer.target.expected == target.expected {
                return peer.start(call)
            }
        }
        let peer = ClientPeer(target: target, client: self)
        byAddress[target.address, default: []].append(peer)
        scheduleSweep()
        peer.start(call)
    }

    var peers: [ClientPeer] { byAddress.values.flatMap { $0 } }

    static let shuttingDown = Status(
        .unavailable,
        "this side is shutting down",
        origin: .local
    )

    func resetBackoff(of address: String) {
        assert(executor.isCurrent)
        for peer in byAddress[address] ?? [] { peer.resetBackoff() }
    }

    /// Whether one more connection may be dialled. At the limit, the connection without calls that was used
    /// least recently is closed.
    func makeRoomToDial() -> Bool {
        assert(executor.isCurrent)
        guard peers.reduce(0, { $0 + $1.connectionCount }) >= maxConnections else { return true }
        let idle = peers.compactMap(\.idleConnection)
        guard let least = idle.min(by: { $0.state.lastUsed < $1.state.lastUsed }) else {
            return false
        }
        least.drain()
        return true
    }

    // MARK: Sweeping

    /// Checks all connections and forgets peers without use, a few times per idle timeout. A peer
    /// that is not trusted any more loses its connection at the second check, within a minute.
    private func scheduleSweep() {
        guard sweep == nil, !isShuttingDown else { return }
        let interval = min(
            max(configuration.client.idleTimeout / 4, .milliseconds(10)),
            .seconds(20)
        )
        sweep = executor.eventLoop.scheduleTask(in: TimeAmount(clamping: interval)) { [weak self] in
            self?.runSweep()
        }
    }

    private func runSweep() {
        sweep = nil
        let now = executor.now
        for (address, known) in byAddress {
            let kept = known.filter { !$0.sweep(at: now) }
            // A callback during the sweep may have added to the list.
            let added = (byAddress[address] ?? []).dropFirst(known.count)
            byAddress[address] = kept.isEmpty && added.isEmpty ? nil : kept + added
        }
        if !byAddress.isEmpty { scheduleSweep() }
    }

    // MARK: Shutting down

    func shutdown(grace: Duration, completion: @escaping @Sendable () -> Void) {
        assert(executor.isCurrent)
        guard !isShuttingDown else { return completion() }
        isShuttingDown = true
        sweep?.cancel()
        whenClosed = completion
        for peer in peers { peer.drain() }
        graceEnd = executor.eventLoop.scheduleTask(in: TimeAmount(clamping: grace)) { [self] in
            for peer in peers { peer.close() }
            connectionClosed()
            guard whenClosed != nil else { return }
            // A close waits for its last bytes. TLS limits that wait, and this limits TLS.
            graceEnd = executor.eventLoop.scheduleTask(in: .seconds(5)) { [self] in finish() }
        }
        connectionClosed()
    }

    /// To be called whenever a connection, or the attempt at one, has ended.
    func connectionClosed() {
        assert(executor.isCurrent)
        guard isShuttingDown, peers.allSatisfy({ !$0.hasConnection }) else { return }
        finish()
    }

    private func finish() {
        graceEnd?.cancel()
        graceEnd = nil
        byAddress = [:]
        let completion = whenClosed
        whenClosed = nil
        completion?()
    }
}
