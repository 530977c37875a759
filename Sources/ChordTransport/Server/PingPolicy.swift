// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC

/// Whether a client pings more often than it should (gRPC's keepalive enforcement).
///
/// Pings are allowed while the connection carries calls. A connection that only pings wakes this process
/// for nothing. Frames of streams, in either direction, reset the count.
struct PingPolicy {
    private let minInterval: Duration
    private let maxStrikes: Int
    private var strikes = 0
    private var pings: UInt64 = 0
    private var activity: UInt64 = 0
    private var lastPing: MonotonicTime?

    init(_ keepalive: TransportConfiguration.ServerKeepalive) {
        minInterval = keepalive.minPingInterval
        maxStrikes = max(keepalive.maxPingStrikes, 0)
    }

    /// Whether the client's total number of pings is acceptable, given the total number of frames on its
    /// streams.
    mutating func allows(
        pings total: UInt64,
        activity: UInt64,
        at now: @autoclosure () -> MonotonicTime
    ) -> Bool {
        guard total != pings else { return true }
        if activity != self.activity {
            self.activity = activity
            strikes = 0
            lastPing = nil
        }
        let now = now()
        for _ in 0..<min(total - pings, UInt64(maxStrikes) + 2) {
            if let lastPing, now - lastPing < minInterval { strikes += 1 }
            lastPing = now
        }
        pings = total
        return strikes <= maxStrikes
    }
}
