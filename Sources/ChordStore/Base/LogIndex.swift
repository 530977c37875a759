// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The place of an entry in the log of a group. The first entry has index 1.
package struct LogIndex: Hashable, Sendable, Comparable, CustomStringConvertible, BitwiseCopyable {
    package let number: UInt64

    package init(_ number: UInt64) {
        self.number = number
    }

    /// The place before the first entry.
    package static let zero = Self(0)
    /// The largest value that is accepted from a peer or a file. Values up to it can be counted up for
    /// centuries without overflow.
    package static let highest = Self(1 << 62)

    /// Whether the value lies within the range that is accepted from a peer or a file.
    package var isPlausible: Bool { self <= .highest }

    /// The next value. The value must be plausible: the caller has checked what came from outside.
    package var successor: Self { Self(number + 1) }

    /// The value `count` later; nil where that is not plausible.
    package func adding(_ count: Int) -> Self? {
        guard count >= 0 else { return nil }
        let (sum, overflow) = number.addingReportingOverflow(UInt64(count))
        let result = Self(sum)
        return overflow || !result.isPlausible ? nil : result
    }

    package static func < (left: Self, right: Self) -> Bool { left.number < right.number }

    /// The number in decimal digits.
    package var description: String { String(number) }

    /// The value before this one; nil of zero.
    package var predecessor: Self? { number == 0 ? nil : Self(number - 1) }

    /// How many entries lie after `other` up to and including this place; 0 where `other` is not before it.
    package func entries(after other: Self) -> Int {
        number <= other.number ? 0 : Int(clamping: number - other.number)
    }
}
