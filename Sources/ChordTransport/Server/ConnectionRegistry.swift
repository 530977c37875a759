// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import NIOConcurrencyHelpers

/// The connections of a server, to count and drain them. Locked, because they live on several event
/// loops; used a few times per connection.
final class ConnectionRegistry: Sendable {
    private struct Entry {
        let connection: ServerConnection
        /// Counts up; identifies the handshake.
        let number: UInt64
        let host: HostGroup
        var isHandshaking = true
        var identity: String?
    }

    private struct Identity {
        let account: CallerAccount
        var connections = 0
        /// Whether it is in the list `gone`; it may have come back since.
        var isListed = false
    }

    /// The number of identities without a connection whose accounts are kept. A client that
    /// reconnects continues with the rest of its budgets.
    private static let goneIdentities = 1024

    private struct State {
        var entries: [ObjectIdentifier: Entry] = [:]
        var accepted: UInt64 = 0
        var handshakes = Handshakes()
        /// The connections behind them.
        var handshaking: [UInt64: ServerConnection] = [:]
        var identities: [String: Identity] = [:]
        /// Identities without a connection, in the order in which they left.
        var gone: [String] = []
        var whenEmpty: [@Sendable () -> Void] = []

        mutating func endHandshake(of entry: Entry) {
            handshakes.end(entry.number)
            handshaking[entry.number] = nil
        }

        /// - Returns: whether it was its identity's last connection.
        @discardableResult
        mutating func remove(_ connection: ServerConnection) -> Bool {
            let key = ObjectIdentifier(connection)
            guard let entry = entries.removeValue(forKey: key) else { return false }
            if entry.isHandshaking { endHandshake(of: entry) }
            guard let name = entry.identity, var identity = identities[name] else {
                return false
            }
            identity.connections -= 1
            let lists = identity.connections == 0 && !identity.isListed
            if lists { identity.isListed = true }
            identities[name] = identity
            if lists { gone.append(name) }
            if gone.count > 2 * ConnectionRegistry.goneIdentities { forgetSome() }
            return identity.connections == 0
        }

        /// Forgets the older half of `gone`; identities that have come back only leave the list.
        private mutating func forgetSome() {
            for name in gone.prefix(ConnectionRegistry.goneIdentities) {
                identities[name]?.isListed = false
                if identities[name]?.connections == 0 { identities[name] = nil }
            }
            gone.removeFirst(ConnectionRegistry.goneIdentities)
        }
    }

    /// Whether a new connection is admitted.
    enum Admission {
        case admitted
        /// Admitted; another connection must be closed because of a limit.
        case instead(of: ServerConnection, at: TransportLimit)
        case refused(TransportLimit)
    }

    private let state = NIOLockedValueBox(State())

    var count: Int { state.withLockedValue { $0.entries.count } }

    /// Connections accepted since the start.
    var accepted: Int { Int(clamping: state.withLockedValue { $0.accepted }) }

    var all: [ServerConnection] {
        state.withLockedValue { $0.entries.values.map(\.connection) }
    }

    /// Adds a connection whose handshake begins, unless it would exceed a limit.
    func insert(
        _ connection: ServerConnection,
        from host: HostGroup,
        at now: MonotonicTime,
        _ shared: ServerShared
    ) -> Admission {
        let server = shared.configuration.server
        return state.withLockedValue { state in
            var leaving: (connection: ServerConnection, limit: TransportLimit)?
            switch state.handshakes.admission(from: host, at: now, server.limits) {
            case .refused(let limit): return .refused(limit)
            case .instead(let number, let limit):
                leaving = state.handshaking[number].map { ($0, limit) }
            case .admitted: break
            }
            if state.entries.count - (leaving == nil ? 0 : 1) >= shared.maxConnections {
                let hasFiles = shared.maxConnections == server.maxConnections
                return .refused(hasFiles ? .connections : .descriptors)
            }
            if let leaving { state.remove(leaving.connection) }
            state.accepted += 1
            let number = state.accepted
            state.entries[ObjectIdentifier(connection)] = Entry(
                connection: connection,
                number: number,
                host: host
            )
            state.handshakes.begin(number, from: host, at: now)
            state.handshaking[number] = connection
            return leaving.map { .instead(of: $0, at: $1) } ?? .admitted
        }
    }

    /// The peer has sent its first bytes.
    func heard(from connection: ServerConnection) {
        state.withLockedValue { state in
            guard let entry = state.entries[ObjectIdentifier(connection)] else { return }
            state.handshakes.heard(entry.number)
        }
    }

    /// The handshake has succeeded.
    ///
    /// - Returns: The identity's account; nil if it has as many connections as allowed.
    func identify(
        _ connection: ServerConnection,
        as identity: String,
        isMember: Bool,
        limits: TransportConfiguration.ServerLimits
    ) -> CallerAccount? {
        state.withLockedValue { state in
            let key = ObjectIdentifier(connection)
            guard var entry = state.entries[key], entry.isHandshaking else { return nil }
            state.endHandshake(of: entry)
            state.handshakes.remember(entry.host, number: entry.number, isMember: isMember)
            entry.isHandshaking = false
            defer { state.entries[key] = entry }
            var found = state.identities[identity] ?? Identity(account: CallerAccount(limits))
            guard found.connections < limits.maxConnectionsPerIdentity else { return nil }
            found.connections += 1
            state.identities[identity] = found
            entry.identity = identity
            return found.account
        }
    }

    ///
    /// - Returns: whether it was its identity's last connection.
    @discardableResult
    func remove(_ connection: ServerConnection) -> Bool {
        let (isLast, actions) = state.withLockedValue { state -> (Bool, [@Sendable () -> Void]) in
            let isLast = state.remove(connection)
            guard state.entries.isEmpty else { return (isLast, []) }
            defer { state.whenEmpty = [] }
            return (isLast, state.whenEmpty)
        }
        for action in actions { action() }
        return isLast
    }

    /// Runs `action` once no connection is left; at once if there is none.
    func whenEmpty(_ action: @escaping @Sendable () -> Void) {
        let runNow = state.withLockedValue { state in
            if state.entries.isEmpty { return true }
            state.whenEmpty.append(action)
            return false
        }
        if runNow { action() }
    }
}
