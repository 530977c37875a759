// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A position on the ring: an unsigned integer of at most 256 bits.
///
/// An identifier does not know the width of its ring; ``IdentifierSpace`` does, and all arithmetic
/// that wraps around lives there. Order is numeric order, which is not an order on the circle: use
/// ``isBetween(_:and:)`` and ``isIn(after:through:)`` for that.
public struct Identifier: Hashable, Comparable, Sendable {
    // Four stored words instead of an array: a lookup compares and subtracts dozens of identifiers,
    // and must not allocate.

    /// Bits 192 to 255.
    package let word0: UInt64
    /// Bits 128 to 191.
    package let word1: UInt64
    /// Bits 64 to 127.
    package let word2: UInt64
    /// Bits 0 to 63.
    package let word3: UInt64

    /// Makes an identifier of four words, the most significant first.
    package init(_ word0: UInt64, _ word1: UInt64, _ word2: UInt64, _ word3: UInt64) {
        self.word0 = word0
        self.word1 = word1
        self.word2 = word2
        self.word3 = word3
    }

    /// Makes an identifier of a small number.
    public init(_ value: UInt64) {
        self.init(0, 0, 0, value)
    }

    /// The identifier 0.
    public static let zero = Identifier(0)

    /// Whether the left identifier is the smaller number.
    public static func < (left: Identifier, right: Identifier) -> Bool {
        if left.word0 != right.word0 { return left.word0 < right.word0 }
        if left.word1 != right.word1 { return left.word1 < right.word1 }
        if left.word2 != right.word2 { return left.word2 < right.word2 }
        return left.word3 < right.word3
    }

    /// The number of bits the value needs: one more than the index of the highest set bit, 0 for zero.
    public var bitWidthOfValue: Int {
        if word0 != 0 { return 256 - word0.leadingZeroBitCount }
        if word1 != 0 { return 192 - word1.leadingZeroBitCount }
        if word2 != 0 { return 128 - word2.leadingZeroBitCount }
        return 64 - word3.leadingZeroBitCount
    }
}

// MARK: - Places on the circle

extension Identifier {
    /// Whether this identifier lies in the open interval (`start`, `end`), going clockwise.
    ///
    /// Equal bounds mean one turn of the whole circle: everything but the bound itself.
    public func isBetween(_ start: Identifier, and end: Identifier) -> Bool {
        if start < end { return start < self && self < end }
        if end < start { return start < self || self < end }
        return self != start
    }

    /// Whether this identifier lies in the half-open interval (`start`, `end`], going clockwise.
    ///
    /// Equal bounds mean the whole circle, including the bound: the range of a lone node.
    public func isIn(after start: Identifier, through end: Identifier) -> Bool {
        if start < end { return start < self && self <= end }
        if end < start { return start < self || self <= end }
        return true
    }
}

// MARK: - Text

extension Identifier: CustomStringConvertible {
    /// The value in lower-case hexadecimal without leading zeros, at least one digit.
    public var description: String {
        hexadecimal(width: bitWidthOfValue)
    }

    /// The value in lower-case hexadecimal, padded with zeros to what a ring of `width` bits needs.
    ///
    /// A value that needs more digits gets them; nothing is cut off.
    public func hexadecimal(width: Int) -> String {
        let digits = max(1, (max(width, bitWidthOfValue) + 3) / 4)
        return String(unsafeUninitializedCapacity: digits) { buffer in
            for index in 0..<digits {
                buffer[digits - 1 - index] = Identifier.digit(hexadecimalDigit(at: index))
            }
            return digits
        }
    }

    /// The digit of weight 16^index; 0 beyond the top.
    private func hexadecimalDigit(at index: Int) -> UInt8 {
        let word =
            switch index / 16 {
            case 0: word3
            case 1: word2
            case 2: word1
            case 3: word0
            default: UInt64(0)
            }
        return UInt8(truncatingIfNeeded: word >> UInt64((index % 16) * 4)) & 0xF
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}
