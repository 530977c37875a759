// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The clock of a range, which is part of its replicated state: milliseconds since the range was born.
///
/// The leader advances it by its own monotonic clock, and each entry of the log carries it. Without a leader
/// it stands still. Times to live and the window of the request table are measured by it, so all replicas
/// agree about both, whatever their clocks say.
package struct RangeTime: Hashable, Sendable, Comparable, BitwiseCopyable, CustomStringConvertible {
    package let milliseconds: UInt64

    package init(milliseconds: UInt64) {
        self.milliseconds = milliseconds
    }

    package static let zero = Self(milliseconds: 0)

    /// The time later by `duration`; the latest time there is where that lies beyond it.
    package func advanced(by duration: Duration) -> Self {
        guard duration > .zero else { return self }
        let (seconds, attoseconds) = duration.components
        let (whole, beyond) = UInt64(seconds).multipliedReportingOverflow(by: 1000)
        guard !beyond else { return Self(milliseconds: .max) }
        let (sum, overflow) = milliseconds.addingReportingOverflow(
            whole + UInt64(attoseconds / 1_000_000_000_000_000)
        )
        return Self(milliseconds: overflow ? .max : sum)
    }

    /// Time from `earlier` to this; zero where `earlier` is not earlier.
    package func since(_ earlier: Self) -> Duration {
        earlier >= self
            ? .zero : .milliseconds(Int64(clamping: milliseconds - earlier.milliseconds))
    }

    package static func < (left: Self, right: Self) -> Bool {
        left.milliseconds < right.milliseconds
    }

    /// The milliseconds in decimal digits.
    package var description: String { "\(milliseconds) ms" }
}
