// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// How many forwarded lookups may be sent to a second member while the first is silent: one in ten.
///
/// Where everything is slow, hedged calls would make it slower. Each forwarded lookup pays a tenth of a hedged one,
/// and no more than `burst` are saved up.
final class HedgeBudget: Sendable {
    private static let share = 10
    private static let burst = 10

    /// In shares of one hedged call.
    private let saved = Atomic<Int>(HedgeBudget.share * HedgeBudget.burst)

    /// Counts a forwarded lookup.
    func forwarded() {
        guard saved.load(ordering: .relaxed) < Self.share * Self.burst else { return }
        saved.add(1, ordering: .relaxed)
    }

    /// Whether one more call may be hedged now.
    func take() -> Bool {
        if saved.subtract(Self.share, ordering: .relaxed).newValue >= 0 { return true }
        saved.add(Self.share, ordering: .relaxed)
        return false
    }
}
