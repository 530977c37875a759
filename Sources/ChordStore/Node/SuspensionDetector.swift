// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Notices that the computer was suspended: the clock of the node's timers stands still then, and a lease would
/// outlive its time. Another clock counts that time; what matters is how far the two are apart.
struct SuspensionDetector: Sendable {
    /// How far the clocks are apart. The reading takes time, so it is known from below and from above.
    typealias Reading = ClosedRange<Duration>

    /// A shorter suspension is within the lease's margin.
    private static let tolerance: Duration = .milliseconds(10)

    private var known: Duration?

    /// Whether the computer may have been suspended since the last reading.
    mutating func wasSuspended(_ reading: Reading) -> Bool {
        defer { known = max(known ?? reading.lowerBound, reading.lowerBound) }
        return known.map { reading.upperBound > $0 + Self.tolerance } ?? false
    }
}
