// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import Testing

@testable import ChordCLI

@Suite("Times of many calls")
struct LatencyHistogramTests {
    @Test("a quantile is the time of that rank, at most a thousandth longer")
    func quantiles() {
        var generator = SeededGenerator(seed: 1)
        var histogram = LatencyHistogram()
        // From nanoseconds to minutes.
        let times = (0..<5_000).map { _ in
            Duration.nanoseconds(Int64(generator.below(1 << (1 + generator.below(38)))))
        }
        for time in times { histogram.add(time) }
        let sorted = times.sorted()
        for share in [0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1] {
            let exact = sorted[max(0, Int((share * 5_000).rounded(.up)) - 1)]
            let found = histogram.quantile(share)
            #expect(found >= exact && found <= exact + exact / 1_000, "\(share): \(exact) \(found)")
        }
        #expect(histogram.count == 5_000)
        #expect(histogram.longest == sorted.last)
        let sum = times.reduce(.zero, +)
        #expect(abs((histogram.mean - sum / 5_000) / .nanoseconds(1)) < 1_000)
    }

    @Test("two histograms together are as one")
    func merging() {
        var (one, first, second) = (LatencyHistogram(), LatencyHistogram(), LatencyHistogram())
        for number in 1...1_000 {
            let time = Duration.microseconds(number * number)
            one.add(time)
            if number.isMultiple(of: 3) { first.add(time) } else { second.add(time) }
        }
        first.add(second)
        for share in [0, 0.25, 0.5, 0.99, 1] {
            #expect(first.quantile(share) == one.quantile(share))
        }
        #expect(first.count == one.count && first.longest == one.longest)
        #expect(first.mean == one.mean)
    }

    @Test("without times all is zero, and a time before the call began is too")
    func borders() {
        var histogram = LatencyHistogram()
        #expect(histogram.quantile(0.5) == .zero && histogram.mean == .zero)
        histogram.add(.nanoseconds(-5))
        #expect(histogram.quantile(1) == .zero && histogram.count == 1)
        histogram.add(.seconds(100_000))
        #expect(histogram.quantile(1) == .seconds(100_000))
    }
}
