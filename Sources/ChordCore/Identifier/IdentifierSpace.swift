// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The ring of the 2^width identifiers, in which arithmetic wraps around.
///
/// Identifiers handed to it must belong to it; ``contains(_:)`` tells, and everything made here does.
public struct IdentifierSpace: Hashable, Sendable {
    /// Bits of an identifier, 1 to 256.
    public let width: Int
    /// The largest identifier, 2^width − 1. It is also the mask for addition.
    public let largest: Identifier

    /// The widths that fit an identifier.
    public static let widths = 1...256

    /// Makes the ring of 2^width identifiers.
    ///
    /// - Throws: ``IdentifierError`` with code `invalidWidth` unless the width is 1 to 256.
    public init(width: Int) throws(IdentifierError) {
        guard IdentifierSpace.widths.contains(width) else {
            throw IdentifierError(
                .invalidWidth,
                "an identifier has 1 to 256 bits, and \(width) were asked for"
            )
        }
        self.width = width
        self.largest = Identifier(
            IdentifierSpace.mask(bits: width - 192),
            IdentifierSpace.mask(bits: width - 128),
            IdentifierSpace.mask(bits: width - 64),
            IdentifierSpace.mask(bits: width)
        )
    }

    /// A word with its lowest bits set; none for a negative count, all from 64 on.
    private static func mask(bits: Int) -> UInt64 {
        bits <= 0 ? 0 : bits >= 64 ? .max : (1 << UInt64(bits)) - 1
    }

    /// Bytes of an identifier on the wire: the width in bytes, rounded up.
    public var byteCount: Int { (width + 7) / 8 }

    /// Whether the value is below 2^width.
    public func contains(_ identifier: Identifier) -> Bool {
        identifier <= largest
    }
}

// MARK: - Arithmetic modulo 2^width

extension IdentifierSpace {
    /// How far it is clockwise from one identifier to another: (end − start) mod 2^width.
    public func distance(from start: Identifier, to end: Identifier) -> Identifier {
        subtracting(end, start)
    }

    /// (left + right) mod 2^width.
    public func adding(_ left: Identifier, _ right: Identifier) -> Identifier {
        let (word3, carry3) = left.word3.addingReportingOverflow(right.word3)
        let (word2, carry2) = IdentifierSpace.add(left.word2, right.word2, carry3)
        let (word1, carry1) = IdentifierSpace.add(left.word1, right.word1, carry2)
        let (word0, _) = IdentifierSpace.add(left.word0, right.word0, carry1)
        return wrap(word0, word1, word2, word3)
    }

    /// (left − right) mod 2^width.
    public func subtracting(_ left: Identifier, _ right: Identifier) -> Identifier {
        let (word3, borrow3) = left.word3.subtractingReportingOverflow(right.word3)
        let (word2, borrow2) = IdentifierSpace.subtract(left.word2, right.word2, borrow3)
        let (word1, borrow1) = IdentifierSpace.subtract(left.word1, right.word1, borrow2)
        let (word0, _) = IdentifierSpace.subtract(left.word0, right.word0, borrow1)
        return wrap(word0, word1, word2, word3)
    }

    /// (identifier + 2^exponent) mod 2^width: where finger number `exponent` starts.
    public func adding(_ identifier: Identifier, powerOfTwo exponent: Int) -> Identifier {
        precondition(
            0 <= exponent && exponent < width,
            "2^\(exponent) is no distance on a ring of \(width) bits"
        )
        let bit: UInt64 = 1 << UInt64(exponent % 64)
        let power =
            switch exponent / 64 {
            case 0: Identifier(0, 0, 0, bit)
            case 1: Identifier(0, 0, bit, 0)
            case 2: Identifier(0, bit, 0, 0)
            default: Identifier(bit, 0, 0, 0)
            }
        return adding(identifier, power)
    }

    /// The share of the circle that the range (`start`, `end`] covers, 0 to 1.
    ///
    /// Equal bounds cover the whole circle. The result is rounded to a `Double`: a range that is
    /// nearly the whole circle may give 1.
    public func fraction(from start: Identifier, to end: Identifier) -> Double {
        if start == end { return 1 }
        let length = distance(from: start, to: end)
        var value = Double(length.word0)
        value = value * 0x1p64 + Double(length.word1)
        value = value * 0x1p64 + Double(length.word2)
        value = value * 0x1p64 + Double(length.word3)
        return value / Double(sign: .plus, exponent: width, significand: 1)
    }

    private func wrap(
        _ word0: UInt64,
        _ word1: UInt64,
        _ word2: UInt64,
        _ word3: UInt64
    ) -> Identifier {
        Identifier(
            word0 & largest.word0,
            word1 & largest.word1,
            word2 & largest.word2,
            word3 & largest.word3
        )
    }

    private static func add(
        _ left: UInt64,
        _ right: UInt64,
        _ carry: Bool
    ) -> (word: UInt64, carry: Bool) {
        let (sum, first) = left.addingReportingOverflow(right)
        let (word, second) = sum.addingReportingOverflow(carry ? 1 : 0)
        return (word, first || second)
    }

    private static func subtract(
        _ left: UInt64,
        _ right: UInt64,
        _ borrow: Bool
    ) -> (word: UInt64, borrow: Bool) {
        let (difference, first) = left.subtractingReportingOverflow(right)
        let (word, second) = difference.subtractingReportingOverflow(borrow ? 1 : 0)
        return (word, first || second)
    }
}
