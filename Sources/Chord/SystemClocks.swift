// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The system's two monotonic clocks: one stands still while the computer is suspended, as the clock of a node's timers
/// does, and one goes on.
enum SystemClocks {
    /// How far the first is behind the second. Reading them takes time, so it is known from below and from above.
    static func suspension() -> ClosedRange<Duration> {
        let before = ContinuousClock.now
        let suspending = SuspendingClock.now
        let after = ContinuousClock.now
        let lower = (before - continuousOrigin) - (suspending - suspendingOrigin)
        return lower...(lower + (after - before))
    }

    private static let continuousOrigin = ContinuousClock.now
    private static let suspendingOrigin = SuspendingClock.now
}
