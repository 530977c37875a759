// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A running digest of all events of a run. One seed gives the same hash in every process.
package struct TraceHash: Hashable, Sendable {
    package private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    package init() {}

    package mutating func mix(_ word: UInt64) {
        value = (value ^ word) &* 0x0000_0100_0000_01B3
        // FNV-1a is defined for bytes. With words, the upper bits must be mixed into the lower
        // ones.
        value ^= value >> 29
    }

    package mutating func mix(_ number: Int64) {
        mix(UInt64(bitPattern: number))
    }
}

extension TraceHash: CustomStringConvertible {
    /// Sixteen hexadecimal digits.
    package var description: String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
