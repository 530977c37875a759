// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC

/// When an unreachable peer may be dialled again.
struct ClientBackoff {
    private let configuration: TransportConfiguration.Client
    /// Failed dials in a row.
    private(set) var failures = 0
    private(set) var until: MonotonicTime?
    /// Why the last dial failed.
    private(set) var lastFailure = ""
    /// The kind of that failure, if the operator can do something about it.
    private(set) var lastReason: Status.Reason?

    init(configuration: TransportConfiguration.Client) {
        self.configuration = configuration
    }

    /// The time until the next dial is allowed; nil if it is allowed now.
    func remaining(at now: MonotonicTime) -> Duration? {
        guard let until, until > now else { return nil }
        return until - now
    }

    mutating func failed(
        _ reason: String,
        _ failure: Status.Reason? = nil,
        at now: MonotonicTime,
        using generator: inout some RandomNumberGenerator
    ) {
        let initial = Double(configuration.initialBackoff.clampedNanoseconds)
        let most = Double(configuration.maxBackoff.clampedNanoseconds)
        var wait = initial
        for _ in 0..<min(failures, 64) where wait < most { wait *= configuration.backoffMultiplier }
        wait = min(wait, most)
        let jitter = min(max(configuration.backoffJitter, 0), 1)
        wait *= 1 + Double.random(in: -jitter...jitter, using: &generator)
        failures += 1
        lastFailure = reason
        lastReason = failure
        until = now + .nanoseconds(Int64(min(max(wait, 0), 1e18)))
    }

    /// The peer was reached, or has called us.
    mutating func reset() {
        failures = 0
        until = nil
    }
}
