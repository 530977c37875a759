// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import NIOConcurrencyHelpers
import Synchronization

/// How many forwarded lookups may be sent to one more member while the ones before are silent: one in ten, and ten
/// per second.
///
/// Where everything is slow, hedged calls would make it slower. A node that forwards little may still hedge the few
/// calls with which it asks silent members again.
final class HedgeBudget: Sendable {
    /// Forwarded lookups per hedged call.
    private static let share = 10
    private static let burst = 32

    /// Forwarded lookups that have not been counted yet.
    private let forwards = Atomic<Int>(0)
    private let steady: NIOLockedValueBox<RateBudget>

    init(at now: MonotonicTime) {
        steady = NIOLockedValueBox(
            RateBudget(burst: UInt64(Self.burst), perSecond: UInt64(Self.share), at: now)
        )
    }

    /// Counts a forwarded lookup.
    func forwarded() {
        guard forwards.load(ordering: .relaxed) < Self.share * Self.burst else { return }
        forwards.add(1, ordering: .relaxed)
    }

    /// Whether one more call may be hedged now.
    func take(at now: MonotonicTime) -> Bool {
        if forwards.subtract(Self.share, ordering: .relaxed).newValue >= 0 { return true }
        forwards.add(Self.share, ordering: .relaxed)
        return steady.withLockedValue { $0.takeOne(at: now) }
    }
}
