// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// What a log has done since it was opened, and how it fares now.
package struct LogStatistics: Hashable, Sendable {
    /// Batches that became durable.
    package var batches: UInt64 = 0
    /// Batches that were refused.
    package var refusedBatches: UInt64 = 0
    /// Entries that became durable.
    package var entries: UInt64 = 0
    /// Bytes written to segments, garbage collection included.
    package var bytesWritten: UInt64 = 0
    /// Bytes that garbage collection wrote again.
    package var bytesRewritten: UInt64 = 0
    /// Write and sync of one or many batches together: how many, and how long they took.
    package var commits = LatencyHistogram()
    /// Segment files.
    package var segments = 0
    /// Bytes of all segments up to their last record.
    package var bytesStored = 0
    /// Bytes of them that recovery needs. The rest is garbage.
    package var bytesLive = 0
    /// Bytes that were submitted and are not durable yet: the measure of back-pressure.
    package var bytesWaiting = 0
    /// Whether the log refuses entries until there is room on the disk.
    package var isFull = false

    package init() {}
}

/// How often something took how long, in classes of powers of two.
package struct LatencyHistogram: Hashable, Sendable {
    /// Class `i` counts durations from `2^i` up to `2^(i + 1)` microseconds. The first class also counts
    /// shorter ones, the last class also longer ones.
    package private(set) var classes = [UInt64](repeating: 0, count: 24)
    package private(set) var count: UInt64 = 0
    package private(set) var total = Duration.zero
    package private(set) var longest = Duration.zero

    package init() {}

    package mutating func record(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let microseconds =
            UInt64(clamping: seconds.multipliedReportingOverflow(by: 1_000_000).partialValue)
            &+ UInt64(clamping: attoseconds / 1_000_000_000_000)
        let exponent = microseconds == 0 ? 0 : 63 - microseconds.leadingZeroBitCount
        classes[min(exponent, classes.count - 1)] += 1
        count += 1
        total += duration
        longest = max(longest, duration)
    }
}
