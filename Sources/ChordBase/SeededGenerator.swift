// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The project's only generator of random numbers: xoshiro256** [Blackman and Vigna, 2018], seeded by
/// SplitMix64. It is for jitter, choice, simulation and tests, never for secrets.
///
/// All draws are defined here exactly. Those of the standard library may change between versions,
/// and a reported seed must still give the same run years later.
package struct SeededGenerator: RandomNumberGenerator, Hashable, Sendable {
    private var state0: UInt64
    private var state1: UInt64
    private var state2: UInt64
    private var state3: UInt64

    package init(seed: UInt64) {
        var word = seed
        func mixed() -> UInt64 {
            word &+= 0x9E37_79B9_7F4A_7C15
            var value = word
            value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
            return value ^ (value >> 31)
        }
        state0 = mixed()
        state1 = mixed()
        state2 = mixed()
        state3 = mixed()
    }

    /// A generator that continues from a state, which must not be all zeros.
    init(state: (UInt64, UInt64, UInt64, UInt64)) {
        (state0, state1, state2, state3) = state
    }

    package mutating func next() -> UInt64 {
        func rotated(_ value: UInt64, by count: UInt64) -> UInt64 {
            (value << count) | (value >> (64 - count))
        }
        let result = rotated(state1 &* 5, by: 7) &* 9
        let shifted = state1 << 17
        state2 ^= state0
        state3 ^= state1
        state1 ^= state2
        state0 ^= state3
        state2 ^= shifted
        state3 = rotated(state3, by: 45)
        return result
    }

    /// A number below `bound`, which must not be 0.
    package mutating func below(_ bound: UInt64) -> UInt64 {
        next().multipliedFullWidth(by: bound).high
    }

    /// A number in the range.
    package mutating func integer(in range: ClosedRange<Int64>) -> Int64 {
        let span = UInt64(bitPattern: range.upperBound &- range.lowerBound)
        if span == .max { return Int64(bitPattern: next()) }
        return range.lowerBound &+ Int64(bitPattern: below(span + 1))
    }

    /// A number in the range.
    package mutating func integer(in range: ClosedRange<Int>) -> Int {
        Int(integer(in: Int64(range.lowerBound)...Int64(range.upperBound)))
    }

    /// A number from 0 up to, but not including, 1.
    package mutating func fraction() -> Double {
        Double(next() >> 11) * 0x1p-53
    }

    /// A number in the range.
    package mutating func number(in range: ClosedRange<Double>) -> Double {
        range.lowerBound + fraction() * (range.upperBound - range.lowerBound)
    }

    /// True with this probability.
    package mutating func chance(_ probability: Double) -> Bool {
        fraction() < probability
    }

    /// A random element; nil if there are none.
    package mutating func element<Elements: RandomAccessCollection>(
        of elements: Elements
    ) -> Elements.Element? {
        guard !elements.isEmpty else { return nil }
        let offset = Int(below(UInt64(elements.count)))
        return elements[elements.index(elements.startIndex, offsetBy: offset)]
    }

    /// Several different elements, or all if there are fewer.
    package mutating func elements<Element>(_ count: Int, of elements: [Element]) -> [Element] {
        var rest = elements
        let taken = max(0, min(count, rest.count))
        for index in 0..<taken {
            rest.swapAt(index, integer(in: index...(rest.count - 1)))
        }
        return Array(rest.prefix(taken))
    }
}
