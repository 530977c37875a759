// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordRPC
import NIOConcurrencyHelpers
import NIOCore

/// What all connections of a server share. Immutable but for the registry, which is locked.
final class ServerShared: Sendable {
    let configuration: TransportConfiguration
    let log: TransportLog
    let metrics: ChordTransportMetrics
    let connections = ConnectionRegistry()

    init(
        configuration: TransportConfiguration,
        log: TransportLog,
        metrics: ChordTransportMetrics
    ) {
        self.configuration = configuration
        self.log = log
        self.metrics = metrics
    }
}

/// The connections of a server, so that they can be counted and drained. Locked, because they live
/// on several loops; touched twice in a connection's life.
final class ConnectionRegistry: Sendable {
    private struct State {
        var connections: [ObjectIdentifier: ServerConnection] = [:]
        var whenEmpty: [@Sendable () -> Void] = []
    }

    private let state = NIOLockedValueBox(State())

    var count: Int { state.withLockedValue { $0.connections.count } }

    var all: [ServerConnection] { state.withLockedValue { Array($0.connections.values) } }

    /// False, and nothing done, where `limit` connections are there already.
    func insert(_ connection: ServerConnection, limit: Int) -> Bool {
        state.withLockedValue { state in
            guard state.connections.count < limit else { return false }
            state.connections[ObjectIdentifier(connection)] = connection
            return true
        }
    }

    func remove(_ connection: ServerConnection) {
        let actions = state.withLockedValue { state -> [@Sendable () -> Void] in
            state.connections[ObjectIdentifier(connection)] = nil
            guard state.connections.isEmpty else { return [] }
            defer { state.whenEmpty = [] }
            return state.whenEmpty
        }
        for action in actions { action() }
    }

    /// Runs `action` once no connection is left; at once where none is there.
    func whenEmpty(_ action: @escaping @Sendable () -> Void) {
        let runNow = state.withLockedValue { state in
            if state.connections.isEmpty { return true }
            state.whenEmpty.append(action)
            return false
        }
        if runNow { action() }
    }
}
