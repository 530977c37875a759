// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase

/// The delay of messages.
package enum DelayDistribution: Hashable, Sendable {
    /// A constant: messages of one link never overtake each other.
    case fixed(Duration)
    /// A uniform distribution between two bounds.
    case uniform(from: Duration, to: Duration)
    /// Mostly short, with the given mean, and cut at `limit`.
    case exponential(mean: Duration, limit: Duration)
    /// Half of the messages take less than four thirds of `least`, and some take a multiple of it:
    /// a Pareto distribution of order 2, cut at `limit`.
    case heavyTailed(least: Duration, limit: Duration)

    /// The longest possible delay.
    package var limit: Duration {
        switch self {
        case .fixed(let delay): delay
        case .uniform(_, let limit), .exponential(_, let limit), .heavyTailed(_, let limit): limit
        }
    }

    /// A random delay in nanoseconds.
    func sample(using generator: inout SeededGenerator) -> Int64 {
        switch self {
        case .fixed(let delay):
            return delay.nanoseconds
        case .uniform(let from, let to):
            return generator.integer(in: from.nanoseconds...to.nanoseconds)
        case .exponential(let mean, let limit):
            let factor = -Self.logarithm(1 - generator.fraction())
            return min(limit.nanoseconds, Int64(Double(mean.nanoseconds) * factor))
        case .heavyTailed(let least, let limit):
            let factor = 1 / (1 - generator.fraction()).squareRoot()
            return min(limit.nanoseconds, Int64(Double(least.nanoseconds) * factor))
        }
    }

    /// The natural logarithm of a number in (0, 1]. The C library's result may change in its last
    /// bit between versions, and the trace hash with it. This function uses exact operations only.
    static func logarithm(_ value: Double) -> Double {
        let ratio = (value.significand - 1) / (value.significand + 1)
        let square = ratio * ratio
        var sum = 0.0
        var power = ratio
        var divisor = 1.0
        while divisor < 40 {
            sum += power / divisor
            power *= square
            divisor += 2
        }
        return 2 * sum + Double(value.exponent) * 0.693_147_180_559_945_3
    }
}

extension Duration {
    /// Whole nanoseconds. The virtual clock is an integer, so sums do not depend on their order.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
