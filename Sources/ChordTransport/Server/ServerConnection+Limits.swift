// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordIdentity
import ChordRPC
import CoreMetrics
import NIOCore
import Synchronization

/// What happens at a limit: which calls are shed, and how a connection that passed one ends.
extension ServerConnection {
    // MARK: Connections

    /// Whether an identity may have one connection more. One that may not is told, and closed.
    func isWelcome(_ identity: PeerIdentity) -> Bool {
        let most = shared.configuration.server.limits.maxConnectionsPerIdentity
        let name = "\(identity)"
        if shared.connections.identify(self, as: name, limit: most) { return true }
        shared.metrics.refusedConnections.increment()
        giveUp(
            because: ConnectionGuards.Excess(
                limit: .connectionsPerIdentity,
                message: "\(name) has \(most) connections already",
                debug: "too_many_connections"
            )
        )
        return false
    }

    /// Tells the client what it has overdone and ends the connection.
    func giveUp(because excess: ConnectionGuards.Excess) {
        session?.goAway(errorCode: .enhanceYourCalm, debug: excess.debug)
        fail(
            HTTP2Error(
                code: .flooded,
                message: excess.message,
                wireCode: .enhanceYourCalm
            ),
            limit: excess.limit
        )
    }

    /// Gives a header block that is not complete its time, and no more.
    func watchHeaders(of session: HTTP2Session) {
        guards.note(session, in: shared.limits)
        let block = session.incompleteHeaderBlock
        guard block != timedHeaderBlock else { return }
        timedHeaderBlock = block
        headerTimer?.cancel()
        headerTimer = nil
        guard block != nil, phase != .closed else { return }
        let timeout = shared.configuration.server.limits.headerTimeout
        headerTimer = schedule(after: timeout) { connection in
            connection.giveUp(
                because: ConnectionGuards.Excess(
                    limit: .headerTime,
                    message: "a header block was not complete within \(timeout)",
                    debug: "headers_too_slow"
                )
            )
        }
    }

    func schedule(
        after delay: Duration,
        _ work: @escaping @Sendable (ServerConnection) -> Void
    ) -> Scheduled<Void> {
        executor.eventLoop.scheduleTask(in: TimeAmount(clamping: delay)) { [weak self] in
            if let self, phase != .closed { work(self) }
        }
    }

    func cancelTimers() {
        tick?.cancel()
        tick = nil
        headerTimer?.cancel()
        keepaliveTimer?.cancel()
        ageTimer?.cancel()
        alarm.cancel()
    }

    // MARK: Calls

    /// Tells the other connections how many calls are under way here. Calls that begin and end within
    /// one read never show, so that they cost no atomic.
    func publishCalls() {
        let count = streams.count
        guard count != publishedCalls else { return }
        shared.callsInFlight.wrappingAdd(count - publishedCalls, ordering: .relaxed)
        publishedCalls = count
    }

    /// Why a call is not taken now; nil where it is.
    func refusal(of route: Router.Route) -> Status? {
        guard let role = calls?.role, let (limit, text) = limit(callFrom: role) else { return nil }
        // Asked last, because it takes longest and only counts under load.
        let paths = shared.configuration.server.limits.maintenancePaths
        if role == .node, paths.contains(route.method.path) { return nil }
        shared.limits.count(limit)
        return Status(.resourceExhausted, text)
    }

    /// The limit that one call more would pass.
    private func limit(callFrom role: Role) -> (TransportLimit, String)? {
        if !guards.calls.takeOne(at: now) {
            return (.callRate, "too many calls per second on this connection")
        }
        // Whoever is to find out what ails a node under load must reach it.
        if role == .admin { return nil }
        let others = shared.callsInFlight.load(ordering: .relaxed) - publishedCalls
        let underWay = others + streams.count + openings.count
        if underWay >= maxCallsInFlight {
            return (.callsInFlight, "this node has too many calls under way")
        }
        if role == .client, underWay >= maxClientCallsInFlight {
            return (.clientCallsInFlight, "this node has too many calls of clients under way")
        }
        return nil
    }
}
