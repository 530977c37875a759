// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordRPC

/// Rate limits for actions of a client that cause work here and that nghttp2 does not limit.
///
/// nghttp2 limits the resets that a client sends. A client that breaks a rule on stream after
/// stream makes this side send resets, each after the work of a request ("MadeYouReset"). The same
/// limits apply to these.
struct AbuseLimits {
    /// An exceeded limit, and the message for the client.
    struct Excess {
        var limit: TransportLimit
        var message: String
        /// Goes along with the GOAWAY.
        var debug: StaticString = ""
    }

    private let limits: HTTP2Limits
    private var resetsSent: RateBudget
    private var floods: FloodGuard
    private var pings: PingPolicy
    var calls: RateBudget
    /// What `newRefusals` has returned so far: all, and each.
    private var noted: UInt64 = 0
    private var headerListsRefused: UInt64 = 0
    private var streamsRefused: UInt64 = 0
    private var outputsRefused: UInt64 = 0
    /// Resets of streams whose calls were refused because of a limit: they are not the client's fault.
    var resetsForgiven: UInt64 = 0

    init(_ configuration: TransportConfiguration, at now: MonotonicTime) {
        limits = configuration.limits
        resetsSent = RateBudget(
            burst: limits.maxStreamResets,
            perSecond: limits.streamResetsPerSecond,
            at: now
        )
        floods = FloodGuard(limits, at: now)
        let server = configuration.server
        calls = RateBudget(
            burst: UInt64(max(server.limits.callBurst, 0)),
            perSecond: UInt64(max(server.limits.callsPerSecond, 0)),
            at: now
        )
        pings = PingPolicy(server.keepalive)
    }

    /// The limit that the client has just exceeded; nil if there is none.
    ///
    /// The time is a value: a closure that reads it late would cost more than the clock.
    mutating func excess(of counters: HTTP2Counters, at now: MonotonicTime) -> Excess? {
        let resets = counters.resetsSent - min(resetsForgiven, counters.resetsSent)
        if !resetsSent.allows(resets, at: now) {
            return Excess(
                limit: .resetsSent,
                message: "the client made us reset too many streams",
                debug: "too_many_resets"
            )
        }
        if let flood = floods.flood(of: counters, at: now) {
            let (limit, debug): (TransportLimit, StaticString) =
                switch flood {
                case .controlFrames: (.controlFrames, "too_many_control_frames")
                case .emptyData: (.emptyData, "too_many_empty_frames")
                }
            return Excess(limit: limit, message: "the client sent \(flood.rawValue)", debug: debug)
        }
        // Windows are opened for sent data, so they are a sign of use too.
        let activity =
            counters.streamFramesReceived + counters.streamFramesSent
            + counters.windowUpdatesReceived
        if !pings.allows(pings: counters.pingsReceived, activity: activity, at: now) {
            return Excess(
                limit: .pings,
                message: "the client pings too often",
                debug: "too_many_pings"
            )
        }
        return nil
    }

    /// Refusals that happened inside the session since the last call, for the counters of limits.
    mutating func newRefusals(in counters: HTTP2Counters) -> [(TransportLimit, UInt64)] {
        let total =
            counters.headerListsRefused + counters.streamsRefused + counters.outputsRefused
        guard total != noted else { return [] }
        defer {
            noted = total
            headerListsRefused = counters.headerListsRefused
            streamsRefused = counters.streamsRefused
            outputsRefused = counters.outputsRefused
        }
        return [
            (.headers, counters.headerListsRefused - headerListsRefused),
            (.concurrentStreams, counters.streamsRefused - streamsRefused),
            (.queuedOutput, counters.outputsRefused - outputsRefused),
        ]
    }

    /// The limit whose excess made the session fail; nil for a plain violation of the protocol.
    func limit(
        behind error: HTTP2Error,
        _ counters: HTTP2Counters,
        openStreams: Int
    ) -> TransportLimit? {
        switch error.code {
        case .tooManyContinuations: return .continuations
        // nghttp2 fails at once over its queue of answers, and by a GOAWAY over the rest.
        case .flooded where error.isFromReading: return .acknowledgements
        case .flooded: return .settings
        case .protocolViolation:
            if error.wireCode == .internalError,
                counters.resetsReceived > limits.maxStreamResets
            {
                return .resetsReceived
            }
            // nghttp2 reports one stream too many like any other violation.
            let isFull = openStreams >= Int(limits.maxConcurrentStreams)
            return isFull ? .concurrentStreams : nil
        default: return nil
        }
    }
}
