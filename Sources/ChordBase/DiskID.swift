// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The identifier of a data directory. A memory engine draws a new one at each start, so that a node
/// that lost its data is a new replica.
package struct DiskID: Hashable, Sendable, Comparable, CustomStringConvertible, BitwiseCopyable {
    package let bits: RandomBits

    package init(_ bits: RandomBits) {
        self.bits = bits
    }

    package init(high: UInt64, low: UInt64) {
        bits = RandomBits(high: high, low: low)
    }

    package init(using generator: inout some RandomNumberGenerator) {
        bits = RandomBits(using: &generator)
    }

    /// Reads 32 hexadecimal digits; nil for any other text.
    package init?(_ digits: some StringProtocol) {
        guard let bits = RandomBits(digits) else { return nil }
        self.bits = bits
    }

    /// The leading 64 bits.
    package var high: UInt64 { bits.high }
    /// The trailing 64 bits.
    package var low: UInt64 { bits.low }

    package static func < (left: Self, right: Self) -> Bool { left.bits < right.bits }

    /// 32 hexadecimal digits.
    package var description: String { bits.description }
}
