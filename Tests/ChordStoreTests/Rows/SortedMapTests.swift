// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordTestSupport
import Testing

@testable import ChordStore

@Suite(.tags(.unit)) struct SortedMapTests {
    private func contents(_ map: SortedMap<Int, Int>, from start: Int = .min) -> [[Int]] {
        var pairs: [[Int]] = []
        map.forEach(from: start) { key, value in
            pairs.append([key, value])
            return true
        }
        return pairs
    }

    @Test(arguments: 0..<6)
    func agreesWithDictionary(_ seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        var map = SortedMap<Int, Int>()
        var model: [Int: Int] = [:]
        var copies: [(map: SortedMap<Int, Int>, contents: [[Int]])] = []
        let range = [50, 300, 5_000][seed % 3]
        for round in 0..<12_000 {
            let key = Int(generator.below(UInt64(range)))
            // It grows at first, and shrinks at last.
            if generator.below(12_000) > UInt64(round) {
                #expect(map.insert(round, for: key) == model.updateValue(round, forKey: key))
            } else {
                #expect(map.remove(key) == model.removeValue(forKey: key))
            }
            #expect(map.count == model.count)
            if round % 3_000 == 2_999 {
                let sorted = model.sorted { $0.key < $1.key }.map { [$0.key, $0.value] }
                #expect(contents(map) == sorted)
                let start = Int(generator.below(UInt64(range)))
                #expect(contents(map, from: start) == sorted.filter { $0[0] >= start })
                copies.append((map, sorted))
            }
        }
        for key in model.keys.sorted() {
            #expect(map[key] == model[key])
            map.remove(key)
        }
        #expect(contents(map).isEmpty)
        #expect(map[1] == nil)
        // Copies are not changed by what came after.
        for copy in copies { #expect(contents(copy.map) == copy.contents) }
    }

    @Test func visitsUntilToldToStop() {
        var map = SortedMap<Int, Int>()
        for key in 0..<1_000 { map.insert(key, for: key) }
        var seen: [Int] = []
        map.forEach(from: 500) { key, _ in
            seen.append(key)
            return seen.count < 100
        }
        #expect(seen == Array(500..<600))
    }
}
