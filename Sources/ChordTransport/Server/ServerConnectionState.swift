// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC

/// The life of one accepted connection as a value: when it opens, when its client is pinged, when it
/// drains and closes, and which limits its client has passed.
///
/// It has no clock, no timer and no socket. `ServerConnection` reports what happened and when, carries
/// out the actions that are returned, and calls `timeReached` at `nextDeadline`.
struct ServerConnectionState {
    enum Phase: Hashable {
        case handshaking
        /// TLS is established; the client's SETTINGS have not arrived.
        case waitingForSettings
        case open
        /// GOAWAY was sent. Requests that were on their way, and calls under way, are completed.
        case draining
        case closed
    }

    /// The connection's condition when a deadline is reached.
    struct Observation {
        /// Calls that have a record.
        var hasCalls = false
        /// Streams that neither side is done with.
        var openStreams = 0
        var bytesReceived: UInt64 = 0
        var bytesSent: UInt64 = 0
        /// The socket or the session holds output that the client does not take.
        var hasWaitingOutput = false
        /// Why the client's certificate would be refused today; nil if it would be accepted.
        var distrust: Status?
    }

    enum Action: Equatable {
        /// A GOAWAY that refuses no stream yet.
        case sendShutdownNotice
        case sendPing(UInt64)
        /// The GOAWAY that names the last stream.
        case sendFinalGoAway
        /// Give up requests that began at this time or before and are still incomplete.
        case abandonRequests(begunBy: MonotonicTime)
        /// Reset streams whose output has waited since this time or longer.
        case resetStreams(stalledSince: MonotonicTime)
        case releaseMemory
        case logDistrust(Status)
        case close(CloseReason)
    }

    enum CloseReason: Equatable {
        case settingsTimeout
        case headerTimeout
        /// No answer to a keepalive ping.
        case silence
        /// The client reads nothing of the output.
        case outputStalled
        /// Draining did not end before the certificate was checked again.
        case untrusted
        /// Calls outlasted the grace period of a connection that reached its maximum age.
        case graceOver
        /// It was drained before it was open.
        case neverOpened
    }

    /// The opaque value of the ping that follows the shutdown notice: its answer shows that the client
    /// has read the notice.
    static let drainPing: UInt64 = 0x6472_6169_6e21
    /// The opaque value of keepalive pings.
    static let keepalivePing: UInt64 = 0x6b65_6570_616c
    /// An idle connection gives its memory back after this time.
    private static let memoryTimeout = Duration.seconds(10)

    private(set) var phase = Phase.handshaking
    /// Counts the client's excesses.
    var abuse: AbuseLimits
    private let settings: TransportConfiguration.Server
    private var lastActivity: MonotonicTime
    /// The next regular check. Before the connection is open, and during the shutdown notice, the time
    /// at which that phase ends by itself.
    private var nextCheck: MonotonicTime?
    private var isNoticeOver = false
    private var keepalive: Keepalive?
    private var headers: Headers?
    private var age: Age?
    /// Bytes sent at the last check, and since when the number has not changed although output waits.
    private var bytesSent: UInt64 = 0
    private var stalledSince: MonotonicTime?

    private struct Keepalive {
        var deadline: MonotonicTime
        /// Bytes received when the interval began.
        let bytesReceived: UInt64
        var isPinged = false
    }

    private struct Headers {
        let block: UInt64
        let deadline: MonotonicTime
    }

    private struct Age {
        var deadline: MonotonicTime
        var isGrace = false
    }

    init(_ configuration: TransportConfiguration, at now: MonotonicTime) {
        settings = configuration.server
        abuse = AbuseLimits(configuration, at: now)
        lastActivity = now
    }

    /// When `timeReached` must be called next; it may be called earlier.
    var nextDeadline: MonotonicTime? {
        var next = nextCheck
        for deadline in [keepalive?.deadline, headers?.deadline, age?.deadline] {
            if let deadline { next = min(next ?? deadline, deadline) }
        }
        return next
    }

    // MARK: Opening

    mutating func handshakeCompleted(at now: MonotonicTime) {
        guard phase == .handshaking else { return }
        phase = .waitingForSettings
        lastActivity = now
        nextCheck = now + settings.settingsTimeout
    }

    /// - Parameter ageFactor: The random factor of the maximum age, so that connections opened together
    ///   do not all end together.
    mutating func settingsReceived(
        at now: MonotonicTime,
        openStreams: Int,
        bytesReceived: UInt64,
        ageFactor: @autoclosure () -> Double
    ) {
        guard phase == .waitingForSettings else { return }
        phase = .open
        startKeepalive(at: now, bytesReceived)
        if let maxAge = settings.keepalive.maxAge {
            let life = Double(maxAge.clampedNanoseconds) * ageFactor()
            age = Age(deadline: now + .nanoseconds(Int64(min(max(life, 0), 1e18))))
        }
        nextCheck = now + checkInterval(openStreams)
    }

    mutating func callsBegan(at now: MonotonicTime) {
        lastActivity = now
    }

    // MARK: Input

    /// Limits the time of a header block: nothing else can arrive until it is complete.
    ///
    /// - Parameter block: The number of the incomplete block, nil if there is none.
    /// - Returns: whether there is a new deadline.
    mutating func headersIncomplete(_ block: UInt64?, at now: MonotonicTime) -> Bool {
        guard block != headers?.block else { return false }
        headers = nil
        guard let block, phase != .closed else { return false }
        headers = Headers(block: block, deadline: now + settings.limits.headerTimeout)
        return true
    }

    mutating func pingAcknowledged(
        _ value: UInt64,
        at now: MonotonicTime,
        bytesReceived: UInt64
    ) -> [Action] {
        switch value {
        case Self.drainPing: return endNotice(at: now)
        case Self.keepalivePing where phase == .open || phase == .draining:
            startKeepalive(at: now, bytesReceived)
            return []
        default: return []
        }
    }

    // MARK: Ending

    /// Lets the client finish the calls it has begun and begin no others.
    mutating func drain(at now: MonotonicTime) -> [Action] {
        switch phase {
        case .handshaking, .waitingForSettings: return close(.neverOpened)
        case .open: break
        case .draining, .closed: return []
        }
        phase = .draining
        nextCheck = now + settings.drainNotice
        return [.sendShutdownNotice, .sendPing(Self.drainPing)]
    }

    private mutating func endNotice(at now: MonotonicTime) -> [Action] {
        guard phase == .draining, !isNoticeOver else { return [] }
        isNoticeOver = true
        nextCheck = now + checkInterval(1)
        return [.sendFinalGoAway]
    }

    /// The connection ends for a reason that is not decided here.
    ///
    /// - Returns: whether it was not closed before.
    mutating func close() -> Bool {
        guard phase != .closed else { return false }
        phase = .closed
        (nextCheck, keepalive, headers, age) = (nil, nil, nil, nil)
        return true
    }

    private mutating func close(_ reason: CloseReason) -> [Action] {
        close() ? [.close(reason)] : []
    }

    // MARK: Time

    mutating func timeReached(_ now: MonotonicTime, _ seen: Observation) -> [Action] {
        if let headers, headers.deadline <= now { return close(.headerTimeout) }
        var actions: [Action] = []
        if let keepalive, keepalive.deadline <= now { actions += checkSilence(at: now, seen) }
        if let age, age.deadline <= now { actions += ageReached(at: now) }
        if let nextCheck, nextCheck <= now { actions += check(at: now, seen) }
        return actions
    }

    private mutating func startKeepalive(at now: MonotonicTime, _ bytesReceived: UInt64) {
        keepalive = Keepalive(
            deadline: now + settings.keepalive.interval,
            bytesReceived: bytesReceived
        )
    }

    private mutating func checkSilence(at now: MonotonicTime, _ seen: Observation) -> [Action] {
        guard let current = keepalive else { return [] }
        if current.isPinged { return close(.silence) }
        // A connection without calls may be silent; the idle timeout ends it.
        if seen.bytesReceived != current.bytesReceived || seen.openStreams == 0 {
            startKeepalive(at: now, seen.bytesReceived)
            return []
        }
        keepalive?.isPinged = true
        keepalive?.deadline = now + settings.keepalive.timeout
        return [.sendPing(Self.keepalivePing)]
    }

    private mutating func ageReached(at now: MonotonicTime) -> [Action] {
        if age?.isGrace == true { return close(.graceOver) }
        age = Age(deadline: now + settings.keepalive.maxAgeGrace, isGrace: true)
        return drain(at: now)
    }

    /// While streams are open, checks are a sixth of the stall timeout apart: what has not moved for
    /// five sixths by then is given up in time.
    private func checkInterval(_ openStreams: Int) -> Duration {
        let stall = openStreams == 0 ? settings.stallTimeout : settings.stallTimeout / 6
        return max(min(.seconds(30), settings.idleTimeout, stall), .milliseconds(10))
    }

    private var patience: Duration { settings.stallTimeout / 6 * 5 }

    private mutating func check(at now: MonotonicTime, _ seen: Observation) -> [Action] {
        switch phase {
        case .handshaking, .closed: return []
        case .waitingForSettings: return close(.settingsTimeout)
        case .draining where !isNoticeOver: return endNotice(at: now)
        case .open, .draining: break
        }
        nextCheck = now + checkInterval(seen.openStreams)
        if let distrust = seen.distrust {
            // Calls under way have until the next check. Both checks together take less than a
            // minute, with the time until new certificate files are noticed.
            nextCheck = now + min(checkInterval(seen.openStreams), .seconds(20))
            let ending = phase == .draining ? close(.untrusted) : drain(at: now)
            return [.logDistrust(distrust)] + ending
        }
        if isStalled(at: now, seen) { return close(.outputStalled) }
        if seen.hasCalls || seen.openStreams > 0 {
            let limit = now + (.zero - patience)
            return [.abandonRequests(begunBy: limit), .resetStreams(stalledSince: limit)]
        }
        let idle = now - lastActivity
        if idle >= settings.idleTimeout { return drain(at: now) }
        return idle >= Self.memoryTimeout ? [.releaseMemory] : []
    }

    /// A client that reads nothing of its requested data would use our memory for as long as it
    /// likes.
    private mutating func isStalled(at now: MonotonicTime, _ seen: Observation) -> Bool {
        guard seen.hasWaitingOutput else {
            stalledSince = nil
            return false
        }
        guard seen.bytesSent == bytesSent, let stalledSince else {
            bytesSent = seen.bytesSent
            stalledSince = now
            return false
        }
        return now - stalledSince >= patience
    }
}
