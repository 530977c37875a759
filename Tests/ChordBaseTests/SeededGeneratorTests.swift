// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Testing

@testable import ChordBase

@Suite("Seeded random numbers", .tags(.unit)) struct SeededGeneratorTests {
    @Test("The numbers are those of the reference implementation of xoshiro256**")
    func reference() {
        // Its first outputs from the state 1, 2, 3, 4.
        var generator = SeededGenerator(state: (1, 2, 3, 4))
        let numbers = (0..<6).map { _ in generator.next() }
        #expect(
            numbers == [
                11520, 0, 1_509_978_240, 1_215_971_899_390_074_240, 1_216_172_134_540_287_360,
                607_988_272_756_665_600,
            ]
        )
    }

    @Test(
        "A seed gives the same numbers in every version, so that seeds in reports stay valid",
        arguments: [
            (0, [11_091_344_671_253_066_420, 13_793_997_310_169_335_082]),
            (1, [12_966_619_160_104_079_557, 9_600_361_134_598_540_522]),
            (42, [1_546_998_764_402_558_742, 6_990_951_692_964_543_102]),
        ] as [(UInt64, [UInt64])]
    )
    func seeds(seed: UInt64, numbers: [UInt64]) {
        var generator = SeededGenerator(seed: seed)
        #expect(numbers.map { _ in generator.next() } == numbers)
    }

    @Test("Draws stay in their range and reach both ends")
    func ranges() {
        var generator = SeededGenerator(seed: 7)
        let draws = (0..<200).map { _ in generator.integer(in: -2...2) }
        #expect(Set(draws) == [-2, -1, 0, 1, 2])
        let widest = (0..<100).map { _ in generator.integer(in: Int64.min...Int64.max) }
        #expect(widest.contains { $0 < 0 } && widest.contains { $0 > 0 })
        #expect((0..<100).allSatisfy { _ in (0..<1).contains(generator.fraction()) })
        #expect((0..<100).allSatisfy { _ in !generator.chance(0) && generator.chance(1) })
    }

    @Test("Drawn elements are different ones of the given, and none come of none")
    func elements() {
        var generator = SeededGenerator(seed: 8)
        for count in [0, 1, 3, 5, 9] {
            let drawn = generator.elements(count, of: Array(0..<5))
            #expect(drawn.count == min(count, 5))
            #expect(Set(drawn).count == drawn.count && drawn.allSatisfy((0..<5).contains))
        }
        #expect(generator.element(of: [Int]()) == nil)
    }
}
