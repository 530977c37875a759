// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import NIOConcurrencyHelpers

/// Round-trip times until each peer accepts a call, estimated as in TCP (RFC 6298).
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

    /// The number of remembered peers. If it is exceeded, all are forgotten.
    private static let capacity = 4096

    private let limits: FailureDetection
    private let estimates = NIOLockedValueBox<[String: Estimate]>([:])

    init(limits: FailureDetection) {
        self.limits = limits
    }

    /// The number of peers with a known round-trip time.
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

    /// How long a peer may be silent.
    struct Patience {
        /// Before it counts as silent, in which case its call ends.
        var allowance: Duration
        /// Before another peer is asked beside it: the same without the floor that protects a busy peer from a wrong
        /// verdict, and a tenth of that floor at least; a quarter of it for an unknown peer.
        var hedge: Duration
    }

    /// How long the peer at `address` may be silent; it counts as silent after `floor` at the earliest.
    func patience(for address: String, floor: Duration) -> Patience {
        guard let usual = usual(for: address) else {
            let allowance = min(limits.cap, max(floor, limits.initial))
            return Patience(allowance: allowance, hedge: min(floor, allowance) / 4)
        }
        return Patience(
            allowance: min(limits.cap, max(floor, usual)),
            hedge: min(limits.cap, max(floor / 10, usual))
        )
    }

    /// The peer timeout of the peer at `address`, at least `floor`.
    func allowance(for address: String, floor: Duration) -> Duration {
        patience(for: address, floor: floor).allowance
    }

    /// The longest time that a peer usually takes; nil if it is unknown.
    private func usual(for address: String) -> Duration? {
        guard let estimate = estimates.withLockedValue({ $0[address] }) else { return nil }
        let nanoseconds = estimate.smoothed + 4 * estimate.variance
        guard nanoseconds < Double(limits.cap.clampedNanoseconds) else { return limits.cap }
        return .nanoseconds(Int64(nanoseconds))
    }
}
