// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore

/// An unsigned number as an array of bits, lowest first: slow and simple.
struct Bits: Equatable {
    var bits: [Bool]

    init(bits: [Bool]) {
        self.bits = bits
    }

    init(random width: Int, using generator: inout SeededGenerator) {
        bits = (0..<width).map { _ in Bool.random(using: &generator) }
    }

    var width: Int { bits.count }

    /// What an identifier space of this width reads from the wire for these bits.
    var bytes: [UInt8] {
        stride(from: 0, to: width, by: 8).map { start in
            (start..<min(start + 8, width)).reduce(0) { byte, index in
                bits[index] ? byte | 1 << UInt8(index - start) : byte
            }
        }.reversed()
    }

    var hexadecimal: String {
        stride(from: 0, to: width, by: 4).map { start in
            let value = (start..<min(start + 4, width)).reduce(0) { value, index in
                bits[index] ? value + (1 << (index - start)) : value
            }
            return String(value, radix: 16)
        }.reversed().joined()
    }

    var highestSetBit: Int? { bits.lastIndex(of: true) }

    /// The share of 2^width.
    var fraction: Double {
        bits.reduce(0.0) { sum, bit in (sum + (bit ? 1 : 0)) / 2 }
    }

    static func + (left: Bits, right: Bits) -> Bits {
        var carry = 0
        return Bits(
            bits: zip(left.bits, right.bits).map { first, second in
                let sum = (first ? 1 : 0) + (second ? 1 : 0) + carry
                carry = sum / 2
                return sum % 2 == 1
            }
        )
    }

    /// The two's complement, so that subtraction is addition and shares no code with what it tests.
    static prefix func - (value: Bits) -> Bits {
        Bits(bits: value.bits.map { !$0 }) + .powerOfTwo(0, width: value.width)
    }

    static func < (left: Bits, right: Bits) -> Bool {
        for (first, second) in zip(left.bits, right.bits).reversed() where first != second {
            return second
        }
        return false
    }

    static func zero(width: Int) -> Bits {
        Bits(bits: Array(repeating: false, count: width))
    }

    static func powerOfTwo(_ exponent: Int, width: Int) -> Bits {
        var bits = zero(width: width).bits
        if exponent < width { bits[exponent] = true }
        return Bits(bits: bits)
    }

    /// Zero, one, the top, and what lies on both sides of each power of two at a word's edge.
    static func edges(width: Int) -> [Bits] {
        let one = powerOfTwo(0, width: width)
        let exponents = [1, 7, 8, 31, 32, 63, 64, 65, 127, 128, 191, 192, 255, width - 1]
        let powers = exponents.filter { (0..<width).contains($0) }
            .map { powerOfTwo($0, width: width) }
        return [zero(width: width), one, -one] + powers.flatMap { [$0, $0 + -one, $0 + one] }
    }
}

extension IdentifierSpace {
    func identifier(_ bits: Bits) throws -> Identifier {
        try identifier(bigEndian: bits.bytes)
    }

    func bits(_ identifier: Identifier) -> Bits {
        let bytes = Array(bytes(of: identifier).reversed())
        return Bits(bits: (0..<width).map { bytes[$0 / 8] >> UInt8($0 % 8) & 1 == 1 })
    }
}
