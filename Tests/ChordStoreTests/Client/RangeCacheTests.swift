// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordRPC
import ChordStore
import ChordTestSupport
import ChordWire
import Testing

@Suite("Ranges that a client knows", .tags(.unit))
struct RangeCacheTests {
    private func id(_ cache: RangeCache, _ position: UInt64) -> UInt128? {
        cache.range(at: Identifier(position))?.descriptor.range
    }

    @Test("a range is found by each of its positions, also across zero")
    func bounds() {
        var cache = RangeCache(capacity: 8)
        cache.learn(hint(1, after: 10, through: 20))
        cache.learn(hint(2, after: 90, through: 10))
        #expect([10, 11, 20, 21, 90, 91, 0].map { id(cache, $0) } == [2, 1, 1, nil, nil, 2, 2])
    }

    @Test("a range of the whole circle has every position")
    func wholeCircle() {
        var cache = RangeCache(capacity: 8)
        #expect(id(cache, 5) == nil)
        cache.learn(hint(1, after: 50, through: 50))
        #expect([0, 49, 50, 51].map { id(cache, $0) } == [1, 1, 1, 1])
    }

    @Test("of one range the higher epoch holds, and of one epoch the higher term")
    func newest() {
        var cache = RangeCache(capacity: 8)
        cache.learn(hint(1, after: 0, through: 100, bounds: 2, leader: 2, term: 5))
        cache.learn(hint(1, after: 0, through: 200, bounds: 1, leader: 3, term: 9))
        #expect(id(cache, 150) == nil)
        #expect(cache.range(at: Identifier(50))?.leader == 2)
        cache.learn(hint(1, after: 0, through: 100, bounds: 2, leader: 3, term: 4))
        #expect(cache.range(at: Identifier(50))?.leader == 2)
        cache.learn(hint(1, after: 0, through: 100, bounds: 2, leader: nil, term: 6))
        #expect(cache.range(at: Identifier(50))?.leader == 2)
        cache.learn(hint(1, after: 0, through: 100, bounds: 2, leader: 3, term: 6))
        #expect(cache.range(at: Identifier(50))?.leader == 3)
    }

    @Test("a new range replaces those that it overlaps")
    func split() {
        var cache = RangeCache(capacity: 8)
        cache.learn(hint(1, after: 0, through: 100))
        cache.learn(hint(2, after: 100, through: 0))
        cache.learn(hint(3, after: 0, through: 50))
        #expect([25, 75, 150].map { id(cache, $0) } == [3, nil, 2])
        cache.learn(hint(1, after: 50, through: 100, bounds: 2))
        #expect([25, 75, 150].map { id(cache, $0) } == [3, 1, 2])
        cache.learn(hint(4, after: 7, through: 7))
        #expect(cache.count == 1)
    }

    @Test("an answer gives the range's time, and forgets a range that has moved")
    func answers() {
        func answer(_ range: UInt128, bounds: UInt64 = 1, time: UInt64) -> WireRangeAnswer {
            WireRangeAnswer(
                range: range,
                epoch: WireRangeEpoch(configuration: 9, bounds: bounds),
                version: 1,
                timeMilliseconds: time
            )
        }
        let place = Identifier(50)
        var cache = RangeCache(capacity: 8)
        cache.learn(hint(1, after: 0, through: 100))
        #expect(cache.range(at: place)?.timeMilliseconds == nil)
        cache.answered(answer(1, time: 70), at: place, now: MonotonicTime(nanoseconds: 5))
        cache.answered(answer(1, time: 60), at: place, now: MonotonicTime(nanoseconds: 6))
        #expect(cache.range(at: place)?.timeMilliseconds == 70)
        #expect(cache.range(at: place)?.timeLearnedAt == MonotonicTime(nanoseconds: 5))
        // A newer leader keeps the time.
        cache.learn(hint(1, after: 0, through: 100, leader: 2, term: 2))
        #expect(cache.range(at: place)?.timeMilliseconds == 70)
        cache.answered(answer(1, bounds: 2, time: 80), at: place, now: .distantFuture)
        #expect(cache.range(at: place) == nil)
        cache.learn(hint(1, after: 0, through: 100))
        cache.answered(answer(2, time: 80), at: place, now: .distantFuture)
        #expect(cache.range(at: place) == nil)
    }

    @Test("a leader that failed is forgotten, unless another leads by now")
    func leaders() {
        let place = Identifier(50)
        var cache = RangeCache(capacity: 8)
        cache.learn(hint(1, after: 0, through: 100, leader: 2))
        cache.forgetLeader(1, at: place)
        #expect(cache.range(at: place)?.leader == 2)
        cache.doubtLeader(2, at: place)
        #expect(cache.range(at: place)?.isLeaderConfirmed == false)
        cache.learn(hint(1, after: 0, through: 100, leader: 2))
        #expect(cache.range(at: place)?.isLeaderConfirmed == true)
        cache.forgetLeader(2, at: place)
        #expect(cache.range(at: place)?.leadingReplica == nil)
    }

    @Test("the range that was not used for the longest time makes room")
    func capacity() {
        var cache = RangeCache(capacity: 2)
        cache.learn(hint(1, after: 0, through: 10))
        cache.learn(hint(2, after: 10, through: 20))
        _ = cache.use(at: Identifier(5))
        cache.learn(hint(3, after: 20, through: 30))
        #expect([5, 15, 25].map { id(cache, $0) } == [1, nil, 3])
    }

    @Test(
        "random hints: the last one about each position holds",
        arguments: 1...20 as ClosedRange<UInt64>
    )
    func random(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var cache = RangeCache(capacity: 1_000)
        var expected: [UInt64: UInt128] = [:]
        for range in 1...60 as ClosedRange<UInt128> {
            let hint = hint(
                range,
                after: .random(in: 0..<64, using: &generator),
                through: .random(in: 0..<64, using: &generator)
            )
            cache.learn(hint)
            let covered = (0..<64).filter { hint.descriptor.bounds.contains(Identifier($0)) }
            let replaced = Set(covered.compactMap { expected[$0] })
            for position in 0..<64 as Range<UInt64> {
                if expected[position].map(replaced.contains) == true { expected[position] = nil }
            }
            for position in covered { expected[position] = range }
            for position in 0..<64 as Range<UInt64> {
                #expect(id(cache, position) == expected[position])
            }
        }
    }
}
