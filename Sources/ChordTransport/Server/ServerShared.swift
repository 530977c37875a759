// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordIdentity
import ChordRPC
import ChordTLS

/// The objects that all connections of a server share. Immutable except for the registry, which is
/// locked, and for atomic counters.
final class ServerShared: Sendable {
    let configuration: TransportConfiguration
    let log: TransportLog
    let metrics: ChordTransportMetrics
    let connections = ConnectionRegistry()
    /// Told of nodes that have ended their last connection.
    let losses = ConnectionLosses<PeerIdentity>()
    /// The context for new handshakes; connections that exist are checked against it too.
    let tls: TLSContextSource
    let limits: LimitCounters
    /// The budgets that all callers share.
    let budgets: ServerBudgets
    /// Files that this process may have open.
    let descriptors: Int
    /// Connections open at once, limited by the files that the process may have open.
    let maxConnections: Int

    init(
        tls: TLSContextSource,
        configuration: TransportConfiguration,
        log: TransportLog,
        metrics: ChordTransportMetrics
    ) {
        self.configuration = configuration
        self.log = log
        self.metrics = metrics
        self.tls = tls
        limits = LimitCounters(metrics: metrics)
        budgets = ServerBudgets(configuration.server.limits)
        descriptors = ProcessLimits.descriptors
        maxConnections = min(
            configuration.server.maxConnections,
            ProcessLimits.connections(withDescriptors: descriptors)
        )
    }
}
