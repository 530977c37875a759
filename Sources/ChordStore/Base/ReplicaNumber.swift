// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The number of a replica within its range. Numbers come from the range's descriptor and are never used
/// again, so a replica that lost its data cannot vote under its old number.
package struct ReplicaNumber: Hashable, Sendable, Comparable, CustomStringConvertible,
    BitwiseCopyable
{
    package let number: UInt64

    package init(_ number: UInt64) {
        self.number = number
    }

    package static func < (left: Self, right: Self) -> Bool { left.number < right.number }

    /// The number in decimal digits.
    package var description: String { String(number) }
}
