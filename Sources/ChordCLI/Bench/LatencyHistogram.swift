// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Times of many calls in little memory, as an HdrHistogram with three digits keeps them: a time is counted in a bucket
/// that is at most a thousandth of it wide. (http://hdrhistogram.org)
struct LatencyHistogram {
    /// Buckets of each power of two: the relative width of a bucket is its inverse.
    private static let steps = 1_024
    private static let stepBits = 10

    private var counts: [UInt64] = []
    private(set) var count: UInt64 = 0
    private var total: Double = 0
    private(set) var longest: Duration = .zero

    /// Counts a time. A negative one counts as zero.
    mutating func add(_ time: Duration) {
        let nanoseconds = UInt64(max(0, time / .nanoseconds(1)))
        let bucket = Self.bucket(of: nanoseconds)
        if bucket >= counts.count {
            counts += Array(repeating: 0, count: bucket + 1 - counts.count)
        }
        counts[bucket] += 1
        count += 1
        total += Double(nanoseconds)
        longest = max(longest, time)
    }

    mutating func add(_ other: Self) {
        if other.counts.count > counts.count {
            counts += Array(repeating: 0, count: other.counts.count - counts.count)
        }
        for (bucket, number) in other.counts.enumerated() { counts[bucket] += number }
        count += other.count
        total += other.total
        longest = max(longest, other.longest)
    }

    /// The mean; zero without times.
    var mean: Duration { count == 0 ? .zero : .nanoseconds(Int64(total / Double(count))) }

    /// The time that this share of all times does not exceed; zero without times.
    ///
    /// - Parameter share: from 0 to 1.
    func quantile(_ share: Double) -> Duration {
        let wanted = max(1, UInt64((share * Double(count)).rounded(.up)))
        var seen: UInt64 = 0
        for (bucket, number) in counts.enumerated() {
            seen += number
            if seen >= wanted { return min(longest, Self.upperBound(of: bucket)) }
        }
        return longest
    }

    /// The first 2,048 nanoseconds have a bucket each; from there on each power of two has 1,024 of them.
    private static func bucket(of nanoseconds: UInt64) -> Int {
        guard nanoseconds >= UInt64(2 * steps) else { return Int(nanoseconds) }
        let power = UInt64.bitWidth - 1 - nanoseconds.leadingZeroBitCount - stepBits
        return power * steps + Int(nanoseconds >> UInt64(power))
    }

    /// The longest time of a bucket.
    private static func upperBound(of bucket: Int) -> Duration {
        guard bucket >= 2 * steps else { return .nanoseconds(Int64(bucket)) }
        let power = bucket / steps - 1
        let step = UInt64(bucket - power * steps)
        return .nanoseconds(Int64(((step + 1) << UInt64(power)) - 1))
    }
}
