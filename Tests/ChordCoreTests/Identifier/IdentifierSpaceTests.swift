// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordTestSupport
import Testing

/// Identifier arithmetic against arrays of bits, at every width.
@Suite(.tags(.unit)) struct IdentifierArithmeticTests {
    static func samples(width: Int) -> [Bits] {
        var generator = SeededGenerator(seed: UInt64(width))
        return Bits.edges(width: width)
            + (0..<8).map { _ in Bits(random: width, using: &generator) }
    }

    @Test(arguments: IdentifierSpace.widths)
    func identifierSurvivesBytesAndText(width: Int) throws {
        let space = try IdentifierSpace(width: width)
        var generator = SeededGenerator(seed: 4000 + UInt64(width))
        for bits in Self.samples(width: width).shuffled(using: &generator).prefix(16) {
            let identifier = try space.identifier(bits)
            #expect(space.bytes(of: identifier) == bits.bytes)
            #expect(space.bits(identifier) == bits)
            let span = bits.bytes
            #expect(try space.identifier(bigEndian: span.span.bytes) == identifier)
            #expect(try space.identifier(bigEndian: AnyCollection(span)) == identifier)
            #expect(identifier.hexadecimal(width: width) == bits.hexadecimal)
            #expect(try space.identifier(hexadecimal: bits.hexadecimal.uppercased()) == identifier)
            #expect(try space.identifier(hexadecimal: "0x\(identifier)") == identifier)
            #expect(try space.identifier(hexadecimal: "000\(identifier)") == identifier)
            #expect(identifier.bitWidthOfValue == (bits.highestSetBit ?? -1) + 1)
            #expect(space.contains(identifier))
        }
    }

    @Test(arguments: IdentifierSpace.widths)
    func arithmeticWrapsAroundAndKeepsOrder(width: Int) throws {
        let space = try IdentifierSpace(width: width)
        var generator = SeededGenerator(seed: 2000 + UInt64(width))
        let samples = Self.samples(width: width)
        var faults: [String] = []
        for _ in 0..<40 {
            let leftBits = samples.randomElement(using: &generator)!
            let rightBits = samples.randomElement(using: &generator)!
            let left = try space.identifier(leftBits)
            let right = try space.identifier(rightBits)
            let difference = leftBits + -rightBits
            if space.bits(space.adding(left, right)) != leftBits + rightBits {
                faults.append("\(left) + \(right)")
            }
            if space.bits(space.subtracting(left, right)) != difference {
                faults.append("\(left) - \(right)")
            }
            if space.bits(space.distance(from: right, to: left)) != difference {
                faults.append("\(right) to \(left)")
            }
            if (left < right) != (leftBits < rightBits) { faults.append("\(left) < \(right)") }
            if (left == right) != (leftBits == rightBits) { faults.append("\(left) == \(right)") }
            let fraction = space.fraction(from: right, to: left)
            let expected = left == right ? 1 : difference.fraction
            if abs(fraction - expected) > 1e-15 * expected {
                faults.append("fraction from \(right) to \(left)")
            }
        }
        #expect(faults.isEmpty)
    }

    @Test(arguments: IdentifierSpace.widths)
    func fingersStartAtPowersOfTwo(width: Int) throws {
        let space = try IdentifierSpace(width: width)
        var generator = SeededGenerator(seed: 3000 + UInt64(width))
        let bits = Bits(random: width, using: &generator)
        let identifier = try space.identifier(bits)
        let exponents = Set([0, 63, 64, 127, 128, 191, 192, width - 1]).union(
            (0..<8).map { _ in Int.random(in: 0..<width, using: &generator) }
        )
        for exponent in exponents where exponent < width {
            let start = space.adding(identifier, powerOfTwo: exponent)
            #expect(space.bits(start) == bits + .powerOfTwo(exponent, width: width))
        }
    }

    @Test(arguments: IdentifierSpace.widths)
    func identifierIsTheLeadingBitsOfADigest(width: Int) throws {
        let space = try IdentifierSpace(width: width)
        var generator = SeededGenerator(seed: 1000 + UInt64(width))
        for byteCount in space.byteCount...(space.byteCount + 3) {
            let digest = Bits(random: byteCount * 8, using: &generator)
            let leading = Bits(bits: Array(digest.bits.suffix(width)))
            let bytes = digest.bytes
            #expect(space.bits(try space.identifier(ofDigest: bytes)) == leading)
            #expect(space.bits(try space.identifier(ofDigest: bytes.span.bytes)) == leading)
        }
        let short = [UInt8](repeating: 1, count: space.byteCount - 1)
        #expect(throws: IdentifierError.self) { try space.identifier(ofDigest: short) }
        #expect(throws: IdentifierError.self) { try space.identifier(ofDigest: short.span.bytes) }
    }

    @Test(arguments: IdentifierSpace.widths)
    func valueBeyondTheWidthIsRefused(width: Int) throws {
        let space = try IdentifierSpace(width: width)
        for count in [0, space.byteCount - 1, space.byteCount + 1, 33]
        where count != space.byteCount {
            let error = #expect(throws: IdentifierError.self) {
                try space.identifier(bigEndian: [UInt8](repeating: 0, count: count))
            }
            #expect(error?.code == .wrongLength)
        }
        let tooLarge = "1" + String(repeating: "0", count: 70)
        #expect(throws: IdentifierError.self) { try space.identifier(hexadecimal: tooLarge) }
        guard width < 256 else { return }
        let next = try IdentifierSpace(width: width + 1)
        let above = try next.identifier(.powerOfTwo(width, width: width + 1))
        #expect(!space.contains(above))
        let error = #expect(throws: IdentifierError.self) {
            try space.identifier(hexadecimal: above.description)
        }
        #expect(error?.code == .outOfRange)
        if width % 8 != 0 {
            let error = #expect(throws: IdentifierError.self) {
                try space.identifier(bigEndian: next.bytes(of: above))
            }
            #expect(error?.code == .outOfRange)
        }
    }
}

@Suite(.tags(.unit)) struct IdentifierSpaceTests {
    @Test(arguments: [Int.min, -1, 0, 257, Int.max])
    func invalidWidthIsRefused(width: Int) {
        let error = #expect(throws: IdentifierError.self) { try IdentifierSpace(width: width) }
        #expect(error?.code == .invalidWidth)
        #expect(
            error?.description
                == "invalidWidth: an identifier has 1 to 256 bits, and \(width) were asked for"
        )
    }

    @Test(arguments: ["", "0x", "g", "1 ", "-1", "+1", "1.0", "é", "0x0x1", "1\u{0}"])
    func invalidTextIsRefused(text: String) throws {
        let space = try IdentifierSpace(width: 64)
        let error = #expect(throws: IdentifierError.self) {
            try space.identifier(hexadecimal: text)
        }
        #expect(error?.code == .notHexadecimal)
    }

    @Test func knownValues() throws {
        let space = try IdentifierSpace(width: 12)
        #expect(space.byteCount == 2)
        #expect(space.largest == Identifier(4095))
        #expect(space.adding(Identifier(4095), Identifier(2)) == Identifier(1))
        #expect(space.distance(from: Identifier(4000), to: Identifier(10)) == Identifier(106))
        #expect(space.bytes(of: Identifier(0xABC)) == [0x0A, 0xBC])
        #expect(try space.identifier(ofDigest: [0xAB, 0xCD]) == Identifier(0xABC))
        #expect(space.fraction(from: Identifier(0), to: Identifier(1024)) == 0.25)
        #expect(Identifier.zero.description == "0")
        #expect(Identifier(0xAB).description == "ab")
        #expect(Identifier(0xAB).hexadecimal(width: 12) == "0ab")
        #expect(Identifier(0xABCD).hexadecimal(width: 12) == "abcd")
        #expect(Identifier(1, 2, 3, 4).bitWidthOfValue == 193)
    }
}
