// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordIdentity
import ChordRPC

/// The life of one dialled connection as a value: when it is ready, when the peer is pinged, when it
/// drains and closes, and what a GOAWAY means.
///
/// It has no clock, no timer and no socket. `ClientConnection` reports what happened and when, carries
/// out the actions that are returned, and calls `timeReached` at `nextDeadline`.
struct ClientConnectionState {
    enum Phase: Hashable {
        case handshaking
        /// TLS is established as far as this side can see. A server that refuses our certificate
        /// says so only now; its SETTINGS prove that it accepts us.
        case waitingForSettings
        case ready
        /// Takes no new calls and completes those it has.
        case draining
        case closed
    }

    enum Action: Equatable {
        case sendPing(UInt64)
        /// Tell the peer object that new calls need another connection.
        case reportDraining
        /// Tell the peer object that the peer objects to keepalive pings.
        case reportPingsRefused
        /// Tell the peer object that the peer asks not to be dialled again at once.
        case reportCalm(String)
        case releaseMemory
        case close(CloseReason)
    }

    enum CloseReason: Equatable, CustomStringConvertible {
        case notReady(within: Duration)
        case silence(Duration)
        case untrusted(String)
        case drained
        case drainedBeforeReady

        var description: String {
            switch self {
            case .notReady(let time): "the connection was not ready within \(time)"
            case .silence(let time): "no answer to a ping within \(time)"
            case .untrusted(let reason): reason
            case .drained: "the connection was drained"
            case .drainedBeforeReady: "the peer is going away"
            }
        }
    }

    /// The debug data of the GOAWAY that gRPC servers send to a client that pings too often.
    private static let tooManyPings = "too_many_pings"
    /// An idle connection gives its memory back after this time.
    private static let memoryTimeout = Duration.seconds(10)

    private(set) var phase = Phase.handshaking
    private(set) var wasReady = false
    /// Why the connection ended or will end: the first reason counts.
    private(set) var reason: String?
    private(set) var lastUsed: MonotonicTime
    private(set) var lastReceived: MonotonicTime
    /// Frames that cost work and carry no message.
    var floods: FloodGuard
    private let settings: TransportConfiguration.Client
    private var readyDeadline: MonotonicTime?
    private var pingsSent: UInt64 = 0
    /// The ping without an answer.
    private var ping: (deadline: MonotonicTime, timeout: Duration)?
    private var keepalive: (deadline: MonotonicTime, interval: Duration)?

    init(_ configuration: TransportConfiguration, at now: MonotonicTime) {
        settings = configuration.client
        lastReceived = now
        lastUsed = now
        floods = FloodGuard(configuration.limits, at: now)
    }

    /// When `timeReached` must be called next; it may be called earlier.
    var nextDeadline: MonotonicTime? {
        var next = readyDeadline
        for deadline in [ping?.deadline, keepalive?.deadline] {
            if let deadline { next = min(next ?? deadline, deadline) }
        }
        return next
    }

    // MARK: Opening

    /// The TCP connection is established.
    mutating func connected(at now: MonotonicTime) {
        guard phase == .handshaking || phase == .waitingForSettings else { return }
        readyDeadline = now + settings.readyTimeout
    }

    mutating func handshakeCompleted() {
        if phase == .handshaking { phase = .waitingForSettings }
    }

    /// - Returns: whether the connection has become ready by it.
    mutating func settingsReceived(
        at now: MonotonicTime,
        isPeerGoingAway: Bool,
        keepaliveInterval: Duration?
    ) -> Bool {
        // After a GOAWAY in the same read the connection is useless.
        guard phase == .waitingForSettings, !isPeerGoingAway else { return false }
        phase = .ready
        wasReady = true
        readyDeadline = nil
        lastUsed = now
        if let keepaliveInterval { startKeepalive(keepaliveInterval, at: now) }
        return true
    }

    // MARK: Use

    mutating func received(at now: MonotonicTime) { lastReceived = now }

    mutating func callBegan(at now: MonotonicTime) { lastUsed = now }

    mutating func callEnded(at now: MonotonicTime, hasCalls: Bool) -> [Action] {
        lastUsed = now
        return phase == .draining && !hasCalls ? close(.drained) : []
    }

    /// This side has ended a call before its answer: the peer is slow, or gone, and only a ping tells.
    ///
    /// - Parameter isOverdue: The deadline passed. A caller that cancels may have lost patience for the
    ///   same reason, if nothing at all has arrived since the call was sent.
    mutating func callAbandoned(
        at now: MonotonicTime,
        isOverdue: Bool,
        sentAt: MonotonicTime?
    ) -> [Action] {
        guard isOverdue || lastReceived < sentAt ?? lastReceived else { return [] }
        return sendPing(timeout: settings.pingTimeout, at: now)
    }

    // MARK: Pings

    private mutating func sendPing(timeout: Duration, at now: MonotonicTime) -> [Action] {
        guard ping == nil, phase != .closed else { return [] }
        pingsSent += 1
        ping = (now + timeout, timeout)
        return [.sendPing(pingsSent)]
    }

    mutating func pingAcknowledged() { ping = nil }

    private mutating func startKeepalive(_ interval: Duration, at now: MonotonicTime) {
        let quiet = now - lastReceived
        // If the silence has lasted longer already, without calls, it is checked once per interval.
        keepalive = (now + (quiet < interval ? interval - quiet : interval), interval)
    }

    mutating func timeReached(_ now: MonotonicTime, hasCalls: Bool) -> [Action] {
        if let readyDeadline, readyDeadline <= now {
            return close(.notReady(within: settings.readyTimeout))
        }
        if let ping, ping.deadline <= now { return close(.silence(ping.timeout)) }
        guard let keepalive, keepalive.deadline <= now else { return [] }
        startKeepalive(keepalive.interval, at: now)
        let isDue = settings.keepalive.isDue(
            after: now - lastReceived,
            interval: keepalive.interval,
            hasCalls: hasCalls
        )
        return isDue ? sendPing(timeout: settings.keepalive.timeout, at: now) : []
    }

    // MARK: Ending

    /// Takes no new calls and closes once those under way have ended.
    mutating func drain(hasCalls: Bool) -> [Action] {
        switch phase {
        case .ready:
            phase = .draining
            return [.reportDraining] + (hasCalls ? [] : close(.drained))
        case .handshaking, .waitingForSettings: return close(.drainedBeforeReady)
        case .draining, .closed: return []
        }
    }

    /// The peer has sent a GOAWAY.
    mutating func peerGoesAway(
        _ code: HTTP2ErrorCode,
        debug: String,
        hasCalls: Bool
    ) -> [Action] {
        guard code != .noError else { return drain(hasCalls: hasCalls) }
        let what = "the peer gave the connection up: \(code)"
        // Plain ASCII is shown as it is; anything else could forge the text around it.
        let isPlain = debug.utf8.allSatisfy { (0x20...0x7e).contains($0) }
        let reason =
            self.reason ?? (debug.isEmpty ? what : "\(what), \(isPlain ? debug : quoted(debug))")
        self.reason = reason
        var actions: [Action] = []
        if code == .enhanceYourCalm, debug == Self.tooManyPings {
            actions.append(.reportPingsRefused)
        } else if code == .enhanceYourCalm, phase == .ready {
            actions.append(.reportCalm(reason))
        }
        return actions + drain(hasCalls: hasCalls)
    }

    /// The regular check whether the connection is still of use.
    ///
    /// - Parameter distrust: Why the peer's certificate would be refused today.
    mutating func check(
        at now: MonotonicTime,
        hasCalls: Bool,
        distrust: String?
    ) -> [Action] {
        if let distrust {
            // Calls under way have until the next check.
            if phase == .draining { return close(.untrusted(distrust)) }
            if phase == .ready { return drain(hasCalls: hasCalls) }
        }
        guard phase == .ready, !hasCalls else { return [] }
        let idle = now - lastUsed
        if idle >= settings.idleTimeout { return drain(hasCalls: false) }
        return idle >= Self.memoryTimeout ? [.releaseMemory] : []
    }

    /// The connection ends.
    ///
    /// - Returns: whether it was not closed before.
    mutating func close(because reason: String?) -> Bool {
        guard phase != .closed else { return false }
        phase = .closed
        self.reason = self.reason ?? reason
        (readyDeadline, ping, keepalive) = (nil, nil, nil)
        return true
    }

    private mutating func close(_ reason: CloseReason) -> [Action] {
        close(because: reason.description) ? [.close(reason)] : []
    }
}
