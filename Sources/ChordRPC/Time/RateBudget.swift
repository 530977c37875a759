// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Limits how often something happens: a burst, and a number per second after that.
///
/// The clock is read only when the burst is used up, so an event within the burst costs one
/// subtraction.
package struct RateBudget: Sendable {
    private let burst: Double
    private let perSecond: Double
    private var left: Double
    private var seen: UInt64 = 0
    private var refilledAt: MonotonicTime

    package init(burst: UInt64, perSecond: UInt64, at now: MonotonicTime) {
        self.burst = Double(burst)
        self.perSecond = Double(perSecond)
        left = self.burst
        refilledAt = now
    }

    /// Whether `total` events are allowed by now. Refused events still count.
    package mutating func allows(
        _ total: UInt64,
        at now: @autoclosure () -> MonotonicTime
    ) -> Bool {
        guard total > seen else { return true }
        let added = total - seen
        seen = total
        return take(Double(added), at: now())
    }

    /// Whether one more event is allowed now. Refused events do not count.
    package mutating func takeOne(at now: @autoclosure () -> MonotonicTime) -> Bool {
        if take(1, at: now()) { return true }
        left += 1
        return false
    }

    private mutating func take(_ count: Double, at now: @autoclosure () -> MonotonicTime) -> Bool {
        if left < count {
            let now = now()
            let seconds = Double((now - refilledAt).clampedNanoseconds) / 1e9
            refilledAt = now
            left = min(burst, left + seconds * perSecond)
        }
        left -= count
        return left >= 0
    }
}
