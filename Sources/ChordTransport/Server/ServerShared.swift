// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordRPC
import ChordTLS
import NIOConcurrencyHelpers
import NIOCore
import Synchronization

/// What all connections of a server share. Immutable but for the registry, which is locked, and for
/// numbers that are atomic.
final class ServerShared: Sendable {
    let configuration: TransportConfiguration
    let log: TransportLog
    let metrics: ChordTransportMetrics
    let connections = ConnectionRegistry()
    /// What a new handshake would use, to judge old ones by.
    let tls: TLSContextSource
    let limits: LimitCounters
    /// Calls under way on all connections, as far as these have told.
    let callsInFlight = Atomic<Int>(0)

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
    }
}

/// The connections of a server, so that they can be counted and drained. Locked, because they live
/// on several loops; touched twice in a connection's life.
final class ConnectionRegistry: Sendable {
    private struct Entry {
        let connection: ServerConnection
        let host: String
        var isHandshaking = true
        var identity: String?
    }

    private struct State {
        var entries: [ObjectIdentifier: Entry] = [:]
        var accepted = 0
        var handshakes = 0
        var handshakesOfHost: [String: Int] = [:]
        var connectionsOf: [String: Int] = [:]
        var whenEmpty: [@Sendable () -> Void] = []

        mutating func endHandshake(of entry: Entry) {
            handshakes -= 1
            handshakesOfHost.decrement(entry.host)
        }
    }

    private let state = NIOLockedValueBox(State())

    var count: Int { state.withLockedValue { $0.entries.count } }

    /// Connections taken in since the beginning.
    var accepted: Int { state.withLockedValue { $0.accepted } }

    var all: [ServerConnection] {
        state.withLockedValue { $0.entries.values.map(\.connection) }
    }

    /// Takes in a connection whose handshake begins; the limit that it would pass, and nothing done,
    /// where there is one.
    func insert(
        _ connection: ServerConnection,
        from host: String,
        limits server: TransportConfiguration.Server
    ) -> TransportLimit? {
        state.withLockedValue { state in
            if state.entries.count >= server.maxConnections { return .connections }
            if state.handshakes >= server.limits.maxHandshakes { return .handshakes }
            let ofHost = state.handshakesOfHost[host, default: 0]
            if ofHost >= server.limits.maxHandshakesPerHost { return .handshakesPerHost }
            state.entries[ObjectIdentifier(connection)] = Entry(connection: connection, host: host)
            state.accepted += 1
            state.handshakes += 1
            state.handshakesOfHost[host] = ofHost + 1
            return nil
        }
    }

    /// The handshake has succeeded: false where as many connections of that identity are there
    /// already.
    func identify(_ connection: ServerConnection, as identity: String, limit: Int) -> Bool {
        state.withLockedValue { state in
            let key = ObjectIdentifier(connection)
            guard var entry = state.entries[key], entry.isHandshaking else { return false }
            state.endHandshake(of: entry)
            entry.isHandshaking = false
            defer { state.entries[key] = entry }
            let count = state.connectionsOf[identity, default: 0]
            guard count < limit else { return false }
            state.connectionsOf[identity] = count + 1
            entry.identity = identity
            return true
        }
    }

    func remove(_ connection: ServerConnection) {
        let actions = state.withLockedValue { state -> [@Sendable () -> Void] in
            if let entry = state.entries.removeValue(forKey: ObjectIdentifier(connection)) {
                if entry.isHandshaking { state.endHandshake(of: entry) }
                if let identity = entry.identity { state.connectionsOf.decrement(identity) }
            }
            guard state.entries.isEmpty else { return [] }
            defer { state.whenEmpty = [] }
            return state.whenEmpty
        }
        for action in actions { action() }
    }

    /// Runs `action` once no connection is left; at once where none is there.
    func whenEmpty(_ action: @escaping @Sendable () -> Void) {
        let runNow = state.withLockedValue { state in
            if state.entries.isEmpty { return true }
            state.whenEmpty.append(action)
            return false
        }
        if runNow { action() }
    }
}

extension [String: Int] {
    /// Counts one down, and forgets who is at zero.
    fileprivate mutating func decrement(_ key: String) {
        guard let count = self[key] else { return }
        self[key] = count > 1 ? count - 1 : nil
    }
}
