// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
package import Metrics

/// The transport's metrics: name, unit and labels of each in one place.
///
/// What is counted per call is added up per read of a socket, so that a busy connection pays for one
/// increment where it answers sixteen calls.
package struct ChordTransportMetrics: Sendable {
    /// Connections accepted or dialled whose handshake succeeded. Unit: connections. Labels: side.
    package let serverConnections: Counter
    package let clientConnections: Counter
    /// Connections that failed before they were ready. Unit: connections. Labels: side.
    package let serverHandshakeFailures: Counter
    package let clientDialFailures: Counter
    /// Connections refused because too many were open. Unit: connections.
    package let refusedConnections: Counter
    /// Connections lost to a peer's mistake in HTTP/2. Unit: connections. Labels: side.
    package let serverProtocolErrors: Counter
    package let clientProtocolErrors: Counter
    /// Calls sent. Unit: calls.
    package let callsSent: Counter
    /// Calls received whose deadline passed before their answer. Unit: calls.
    package let deadlinesMissed: Counter
    /// Connections closed because a ping went unanswered. Unit: connections.
    package let silentConnections: Counter
    /// How often callers reached a limit. Unit: times. Labels: limit.
    package let limits: [TransportLimit: Counter]
    /// Client connections that a peer gave up because of too many pings. Unit: connections.
    package let pingsRefused: Counter
    /// Calls sent again because the peer, or a lost connection, had not seen them. Unit: calls.
    package let callsRetried: Counter
    /// From the start of a dial to a ready connection. Unit: nanoseconds.
    package let dialTime: Timer

    package init() {
        let server = [("side", "server")]
        let client = [("side", "client")]
        serverConnections = Counter(label: "chord_transport_connections_total", dimensions: server)
        clientConnections = Counter(label: "chord_transport_connections_total", dimensions: client)
        serverHandshakeFailures = Counter(
            label: "chord_transport_connection_failures_total",
            dimensions: server
        )
        clientDialFailures = Counter(
            label: "chord_transport_connection_failures_total",
            dimensions: client
        )
        refusedConnections = Counter(label: "chord_transport_connections_refused_total")
        serverProtocolErrors = Counter(
            label: "chord_transport_protocol_errors_total",
            dimensions: server
        )
        clientProtocolErrors = Counter(
            label: "chord_transport_protocol_errors_total",
            dimensions: client
        )
        callsSent = Counter(label: "chord_transport_calls_sent_total")
        deadlinesMissed = Counter(label: "chord_transport_deadlines_missed_total")
        silentConnections = Counter(label: "chord_transport_silent_connections_total")
        limits = Dictionary(
            uniqueKeysWithValues: TransportLimit.allCases.map { limit in
                let labels = [("limit", limit.rawValue)]
                return (limit, Counter(label: "chord_transport_limits_total", dimensions: labels))
            }
        )
        pingsRefused = Counter(label: "chord_transport_pings_refused_total")
        callsRetried = Counter(label: "chord_transport_calls_retried_total")
        dialTime = Timer(label: "chord_transport_dial_nanoseconds")
    }

    /// Received calls, whatever their result. Unit: calls. Labels: method.
    ///
    /// - Returns: a counter for each of the router's methods, in their order, and one for all other
    ///   calls.
    static func callsReceived(by router: Router) -> [Counter] {
        (router.methods.map(\.metricLabel) + ["unknown"]).map { method in
            Counter(
                label: "chord_transport_calls_received_total",
                dimensions: [("method", method)]
            )
        }
    }
}
