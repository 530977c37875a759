// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import CoreMetrics
import Synchronization

/// The limits of a server for its callers. Each has a counter of how often it was reached.
package enum TransportLimit: String, CaseIterable, Sendable {
    /// Connections open at once.
    case connections
    /// Connections of one identity.
    case connectionsPerIdentity
    /// Handshakes under way.
    case handshakes
    /// Handshakes under way from one host.
    case handshakesPerHost
    /// Time until the client's SETTINGS arrive.
    case settingsTime
    /// Time for a header block.
    case headerTime
    /// Time for a request to be complete.
    case requestTime
    /// Time in which a client takes nothing of its answers.
    case outputTime
    /// Bytes that wait to be sent on one connection.
    case queuedOutput
    /// Bytes of a message.
    case messageSize
    /// Bytes of a header list, or a header list that breaks a rule.
    case headers
    /// Streams open at once on a connection.
    case concurrentStreams
    /// Calls begun per second on a connection.
    case callRate
    /// Streams that a client resets.
    case resetsReceived
    /// Streams that a client makes us reset.
    case resetsSent
    /// PING, SETTINGS, PRIORITY and other frames without a message.
    case controlFrames
    /// Pings on a connection that does nothing else.
    case pings
    /// DATA frames without content.
    case emptyData
    /// CONTINUATION frames of one header block.
    case continuations
    /// Answers to PING and SETTINGS that wait to be sent.
    case acknowledgements
    /// Entries of a SETTINGS frame.
    case settings
    /// Calls of nodes under way on all connections.
    case nodeCallsInFlight
    /// Calls of clients under way on all connections.
    case clientCallsInFlight
    /// Calls under way of one identity: its share of one of the two above.
    case callsPerIdentity
    /// Calls with streams of messages.
    case streams
    /// The share that one identity has of them.
    case streamsPerIdentity
    /// Bytes held for a connection.
    case heldBytesPerConnection
    /// Bytes held for all connections.
    case heldBytes
    /// The share that one identity has of them.
    case heldBytesPerIdentity
    /// Bytes that one identity's compressed messages became.
    case inflatedBytes
    /// Files that this process may have open.
    case descriptors
}

/// How often each limit was reached.
final class LimitCounters: Sendable {
    private let counts = TransportLimit.allCases.map { _ in Atomic64() }
    private let metrics: [TransportLimit: Counter]

    init(metrics: ChordTransportMetrics) {
        self.metrics = metrics.limits
    }

    func count(_ limit: TransportLimit, by amount: UInt64 = 1) {
        guard amount > 0 else { return }
        counts[limit.index].value.wrappingAdd(amount, ordering: .relaxed)
        metrics[limit]?.increment(by: amount)
    }

    func value(of limit: TransportLimit) -> UInt64 {
        counts[limit.index].value.load(ordering: .relaxed)
    }
}

/// A shared counter. A class, because an atomic cannot be stored in an array.
final class Atomic64: Sendable {
    let value = Atomic<UInt64>(0)
}

extension TransportLimit {
    fileprivate static let indices = Dictionary(
        uniqueKeysWithValues: allCases.enumerated().map { ($1, $0) }
    )

    var index: Int { Self.indices[self] ?? 0 }
}
