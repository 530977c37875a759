// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordTestSupport
import Testing

@testable import ChordStore

@Suite("Finding the range of a position", .tags(.unit))
struct RangeIndexTests {
    private func arc(_ lower: UInt64, _ upper: UInt64) -> IdentifierRange {
        IdentifierRange(after: Identifier(lower), through: Identifier(upper))
    }

    private func range(_ number: UInt64) -> RangeID { RangeID(high: 0, low: number) }

    @Test("an empty index has nothing, a whole circle everything")
    func simple() {
        var index = RangeIndex()
        #expect(index.range(at: Identifier(5)) == nil)
        index.set(range(1), arc(7, 7))
        #expect(index.range(at: Identifier(7)) == range(1))
        #expect(index.range(at: Identifier(8)) == range(1))
        index.set(range(1), nil)
        #expect(index.range(at: Identifier(7)) == nil)
    }

    @Test("bounds are as those of arcs: the upper one is inside, and an arc may lie over zero")
    func bounds() {
        var index = RangeIndex()
        index.set(range(1), arc(90, 10))
        index.set(range(2), arc(10, 20))
        for (position, expected) in [
            (95, range(1)), (0, range(1)), (10, range(1)), (11, range(2)), (20, range(2)),
            (21, nil), (90, nil),
        ] as [(UInt64, RangeID?)] {
            #expect(index.range(at: Identifier(position)) == expected)
        }
    }

    @Test("random changes find what a search through all ranges finds", arguments: UInt64(1)...20)
    func random(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var index = RangeIndex()
        var all: [RangeID: IdentifierRange] = [:]
        for _ in 0..<300 {
            let id = range(generator.below(12))
            if generator.below(3) == 0 {
                index.set(id, nil)
                all[id] = nil
            } else {
                let bounds = arc(generator.below(64), generator.below(64))
                index.set(id, bounds)
                all[id] = bounds
            }
            let position = Identifier(generator.below(64))
            let expected = all.filter { $0.value.contains(position) }.keys.min()
            #expect(index.range(at: position) == expected)
        }
    }
}
