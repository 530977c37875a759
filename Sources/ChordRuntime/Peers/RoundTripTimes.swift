// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import NIOConcurrencyHelpers

/// How long each peer takes to accept a call, estimated as TCP does (RFC 6298).
final class RoundTripTimes: Sendable {
    struct Estimate: Hashable {
        var smoothed: Double
        var variance: Double

        init(first sample: Double) {
            smoothed = sample
            variance = sample / 2
        }

        mutating func record(_ sample: Double) {
            variance = 0.75 * variance + 0.25 * abs(smoothed - sample)
            smoothed = 0.875 * smoothed + 0.125 * sample
        }
    }

    /// Peers that are remembered; beyond that all are forgotten, and learned anew.
    private static let capacity = 4096

    private let limits: FailureDetection
    private let estimates = NIOLockedValueBox<[String: Estimate]>([:])

    init(limits: FailureDetection) {
        self.limits = limits
    }

    /// Peers of which a round trip is known.
    var count: Int { estimates.withLockedValue { $0.count } }

    func record(_ sample: Duration, of address: String) {
        let nanoseconds = Double(max(0, sample.clampedNanoseconds))
        estimates.withLockedValue { estimates in
            if estimates[address] != nil {
                estimates[address]?.record(nanoseconds)
                return
            }
            if estimates.count >= Self.capacity { estimates.removeAll(keepingCapacity: true) }
            estimates[address] = Estimate(first: nanoseconds)
        }
    }

    /// The silence that the peer at `address` is allowed, at least `floor`.
    func allowance(for address: String, floor: Duration) -> Duration {
        guard let estimate = estimates.withLockedValue({ $0[address] }) else {
            return min(limits.cap, max(floor, limits.initial))
        }
        let nanoseconds = estimate.smoothed + 4 * estimate.variance
        guard nanoseconds < Double(limits.cap.clampedNanoseconds) else { return limits.cap }
        return min(limits.cap, max(floor, .nanoseconds(Int64(nanoseconds))))
    }
}
