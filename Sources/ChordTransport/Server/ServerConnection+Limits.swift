// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordIdentity
import ChordRPC
import CoreMetrics
import NIOCore

/// Enforces limits: sheds calls, and ends connections that exceed one.
extension ServerConnection {
    // MARK: Connections

    /// Whether the identity may have one more connection. If not, the client is told and the connection
    /// closed.
    func isWelcome(_ identity: PeerIdentity) -> Bool {
        let most = shared.configuration.server.limits.maxConnectionsPerIdentity
        let name = "\(identity)"
        let account = shared.connections.identify(
            self,
            as: name,
            isMember: identity.role == .node,
            limits: shared.configuration.server.limits
        )
        if let account {
            share = ConnectionShare(account: account, role: identity.role, of: shared.budgets)
            return true
        }
        shared.metrics.refusedConnections.increment()
        giveUp(
            because: AbuseLimits.Excess(
                limit: .connectionsPerIdentity,
                message: "\(name) already has \(most) connections",
                debug: "too_many_connections"
            )
        )
        return false
    }

    /// Tells the client which limit it has exceeded and ends the connection.
    func giveUp(because excess: AbuseLimits.Excess) {
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

    /// Applies the limits to what a read has brought: incomplete header blocks, refusals and abuse.
    func applyLimits(to session: HTTP2Session) {
        let counters = session.counters
        for (limit, count) in state.abuse.newRefusals(in: counters) {
            shared.limits.count(limit, by: count)
        }
        if state.headersIncomplete(session.incompleteHeaderBlock, at: now) { armTimer() }
        if state.phase != .closed, session.failure == nil,
            let excess = state.abuse.excess(of: counters, at: now)
        {
            giveUp(because: excess)
        }
    }

    // MARK: Calls

    /// Publishes how many calls are under way here. Calls that begin and end within one read are not
    /// published, so they cost no atomic operation.
    func publishCalls() {
        let flows = streams.flowCount
        share?.publish(calls: streams.count - flows, streams: flows)
    }

    /// Why the call is shed; nil if it is accepted.
    func refusal(of route: Router.Route) -> Status? {
        guard let role = calls?.role, let (limit, text) = excess(of: route, role) else {
            return nil
        }
        if role == .node, limit.sparesMaintenance, route.method.priority == .maintenance {
            return nil
        }
        shared.limits.count(limit)
        return Status(.resourceExhausted, "\(text) (\(limit.rawValue))")
    }

    /// The limit that one more call would exceed.
    private func excess(of route: Router.Route, _ role: Role) -> (TransportLimit, StaticString)? {
        if !state.abuse.calls.takeOne(at: now) {
            return (.callRate, "too many calls per second on this connection")
        }
        guard let share, let session else { return nil }
        // Output of the present read has not been offered to the client yet.
        if session.queuedBytes + streams.heldBytes > Self.unaskedBytes,
            let excess = heldExcess(adding: 0)
        {
            return excess
        }
        if route.isStream {
            return switch share.excess(streams: streams.flowCount) {
            case nil: nil
            case .share:
                (.streamsPerIdentity, "this identity has used its share of open streams")
            case .whole: (.streams, "this node has reached its limit of open streams")
            }
        }
        // Operators must reach a node under load.
        if role == .admin { return nil }
        let underWay = streams.count - streams.flowCount
        return switch share.excess(calls: underWay) {
        case nil: nil
        case .share: (.callsPerIdentity, "this identity has used its share of calls in progress")
        case .whole:
            role == .node
                ? (.nodeCallsInFlight, "this node has too many calls of nodes in progress")
                : (.clientCallsInFlight, "this node has too many calls of clients in progress")
        }
    }

    // MARK: Memory

    /// Below this, held bytes are not checked before each call.
    private static let unaskedBytes = 16 << 10

    /// Bytes held of incomplete requests and of answers that the client has not taken.
    var heldBytes: Int { streams.heldBytes + (session?.queuedBytes ?? 0) }

    /// Why `more` bytes of requests may not be held; nil if they may.
    func refusal(toHold more: Int) -> Status? {
        guard let (limit, text) = heldExcess(adding: more) else { return nil }
        shared.limits.count(limit)
        return Status(.resourceExhausted, "\(text) (\(limit.rawValue))")
    }

    /// Why no further answer may be produced: many calls may have begun before the first was answered.
    func refusalOfAnswers(_ session: HTTP2Session) -> Status? {
        session.queuedBytes > maxHeldBytes ? refusal(toHold: 0) : nil
    }

    /// Whether `more` bytes of answers may be held.
    func mayHold(_ more: Int) -> Bool {
        // One message is always allowed, or the stream would wait for ever.
        heldBytes == 0 || heldExcess(adding: more) == nil
    }

    private func heldExcess(adding more: Int) -> (TransportLimit, StaticString)? {
        if heldExcessAsCounted(more) == nil { return nil }
        streams.recount()
        return heldExcessAsCounted(more)
    }

    private func heldExcessAsCounted(_ more: Int) -> (TransportLimit, StaticString)? {
        let held = heldBytes
        if held + more > maxHeldBytes {
            return (
                .heldBytesPerConnection,
                "this connection uses too much memory: complete the requests and read the answers"
            )
        }
        return switch share?.excess(bytes: held, adding: more) {
        case nil: nil
        case .share:
            (
                .heldBytesPerIdentity,
                "this identity uses too much memory: complete the requests and read the answers"
            )
        case .whole: (.heldBytes, "this node has reached its memory limit for all callers")
        }
    }
}

extension TransportLimit {
    /// The ring's maintenance is answered beyond the limit: load from others must not lead to
    /// suspicion.
    fileprivate var sparesMaintenance: Bool {
        switch self {
        case .heldBytesPerConnection, .heldBytesPerIdentity: false
        default: true
        }
    }
}
