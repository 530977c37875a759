// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordTestSupport
import Testing

@testable import ChordCore

@Suite(.tags(.unit)) struct MemberCacheTests {
    private static func cache(_ ids: UInt64..., bytes: Int = 1 << 20) -> MemberCache {
        var cache = MemberCache(.init(bytes: bytes, age: .seconds(100)))
        for id in ids { cache.learn(Nodes.node(id), at: .zero) }
        return cache
    }

    private static func nearest(
        _ id: UInt64,
        after node: UInt64 = 0,
        in cache: MemberCache,
        at now: Duration = .seconds(1)
    ) -> NodeReference? {
        cache.preceding(Identifier(id), after: Identifier(node), at: now)
    }

    @Test("The nearest member before an identifier or at it, and after the node, around the circle")
    func nearest() {
        let cache = Self.cache(10, 20, 50)
        #expect(Self.nearest(20, in: cache) == Nodes.node(20))
        #expect(Self.nearest(49, in: cache) == Nodes.node(20))
        #expect(Self.nearest(9, in: cache) == nil)
        // From 15 to 60 the node at 10 lies behind.
        #expect(Self.nearest(19, after: 15, in: cache) == nil)
        // Over zero.
        #expect(Self.nearest(5, after: 30, in: cache) == Nodes.node(50))
        #expect(Self.nearest(5, after: 60, in: cache) == nil)
        #expect(Self.nearest(5, in: MemberCache(.init())) == nil)
    }

    @Test("Random lookups find the member that a search of all finds")
    func oracle() {
        var generator = SeededGenerator(seed: 3)
        let ids = Nodes.distinct(60, width: 8, using: &generator)
        var cache = MemberCache(.init())
        for id in ids { cache.learn(Nodes.node(id), at: .zero) }
        for _ in 0..<2000 {
            let node = UInt64.random(in: 0..<256, using: &generator)
            let id = UInt64.random(in: 0..<256, using: &generator)
            guard id != node else { continue }
            let expected = ids.filter { $0 != node && ($0 &- node) & 255 <= (id &- node) & 255 }
                .max { ($0 &- node) & 255 < ($1 &- node) & 255 }
            #expect(Self.nearest(id, after: node, in: cache) == expected.map { Nodes.node($0) })
        }
    }

    @Test("A member that nobody has named for the age is passed over")
    func age() {
        var cache = Self.cache(10, 20)
        cache.learn(Nodes.node(10), at: .seconds(90))
        #expect(Self.nearest(30, in: cache, at: .seconds(100)) == Nodes.node(20))
        #expect(Self.nearest(30, in: cache, at: .seconds(101)) == Nodes.node(10))
        #expect(Self.nearest(30, in: cache, at: .seconds(191)) == nil)
    }

    @Test("One that did not answer is passed over until named after half a minute, or it calls")
    func doubt() {
        var cache = Self.cache(10, 20)
        cache.doubt(Identifier(20), at: .seconds(1))
        #expect(Self.nearest(30, in: cache) == Nodes.node(10))
        cache.learn(Nodes.node(20), at: .seconds(20))
        #expect(Self.nearest(30, in: cache, at: .seconds(60)) == Nodes.node(10))
        cache.learn(Nodes.node(20), at: .seconds(32))
        #expect(Self.nearest(30, in: cache, at: .seconds(60)) == Nodes.node(20))
        cache.doubt(address: "n20:1", at: .seconds(61))
        #expect(Self.nearest(30, in: cache, at: .seconds(62)) == Nodes.node(10))
        cache.learn(Nodes.node(20), isVerified: true, at: .seconds(63))
        #expect(Self.nearest(30, in: cache, at: .seconds(64)) == Nodes.node(20))
        // Nobody of that name or address is known.
        cache.doubt(Identifier(99), at: .seconds(65))
        cache.doubt(address: "nowhere:1", at: .seconds(65))
    }

    @Test("Hearsay moves no member to another address, and the member itself does")
    func addresses() {
        var cache = Self.cache(10)
        var elsewhere = Nodes.node(10, life: 9)
        elsewhere.address = "liar:1"
        cache.learn(elsewhere, at: .seconds(1))
        #expect(Self.nearest(30, in: cache) == Nodes.node(10))
        cache.learn(Nodes.node(10, life: 2), at: .seconds(1))
        #expect(Self.nearest(30, in: cache) == Nodes.node(10, life: 2))
        cache.learn(Nodes.node(10), at: .seconds(2))
        #expect(Self.nearest(30, in: cache) == Nodes.node(10, life: 2))
        cache.learn(elsewhere, isVerified: true, at: .seconds(3))
        #expect(Self.nearest(30, in: cache) == elsewhere)
    }

    @Test("The memory is bounded, and those heard of last are kept")
    func memory() {
        let one = Self.cache(1).bytes
        var cache = MemberCache(.init(bytes: 100 * one, age: .seconds(1000)))
        for id in 0..<10_000 as Range<UInt64> {
            cache.learn(Nodes.node(id), at: .milliseconds(Int64(id)))
            #expect(cache.bytes <= 100 * one)
        }
        #expect(cache.count > 40)
        #expect(Self.nearest(20_000, in: cache, at: .seconds(10)) == Nodes.node(9999))
        // All were heard of at one moment.
        for id in 20_000..<20_200 as Range<UInt64> { cache.learn(Nodes.node(id), at: .seconds(20)) }
        #expect(cache.bytes <= 100 * one)
        #expect(cache.count > 40)
        // Old ones make room for all.
        cache.learn(Nodes.node(5), at: .seconds(5000))
        for id in 6..<90 as Range<UInt64> { cache.learn(Nodes.node(id), at: .seconds(5000)) }
        #expect(
            (5..<90).allSatisfy {
                Self.nearest($0, in: cache, at: .seconds(5001)) == Nodes.node($0)
            }
        )
    }

    @Test("A member heard of within a second need not be learned again, unless it did not answer")
    func freshness() {
        var cache = Self.cache(10)
        #expect(cache.hasJustHeard(of: Identifier(10), at: .milliseconds(999)))
        #expect(!cache.hasJustHeard(of: Identifier(10), at: .seconds(1)))
        #expect(!cache.hasJustHeard(of: Identifier(11), at: .zero))
        cache.doubt(Identifier(10), at: .zero)
        #expect(!cache.hasJustHeard(of: Identifier(10), at: .zero))
    }

    @Test("A member that only names itself is asked no longer once its age is over")
    func ownWord() {
        var cache = Self.cache(10)
        cache.learn(Nodes.node(10), isVerified: true, at: .seconds(90))
        #expect(Self.nearest(30, in: cache, at: .seconds(100)) == Nodes.node(10))
        #expect(Self.nearest(30, in: cache, at: .seconds(101)) == nil)
    }

    @Test("An owner is the member whose range was told, also where the one before has gone")
    func owners() {
        var cache = Self.cache()
        func owner(_ id: UInt64, at now: Duration = .seconds(1)) -> NodeReference? {
            cache.owner(of: Identifier(id), at: now)
        }
        #expect(owner(5) == nil)
        cache.learn(Nodes.node(20), after: Identifier(10), at: .zero)
        cache.learn(Nodes.node(30), after: Identifier(15), at: .zero)
        cache.learn(Nodes.node(5), after: Identifier(60), at: .zero)
        #expect(owner(11) == Nodes.node(20))
        #expect(owner(20) == Nodes.node(20))
        #expect(owner(10) == nil)
        #expect(owner(61) == Nodes.node(5))
        #expect(owner(2) == Nodes.node(5))
        #expect(owner(31) == nil)
        #expect(owner(15, at: .seconds(101)) == nil)
        cache.doubt(Identifier(20), at: .seconds(1))
        #expect(owner(18) == Nodes.node(30))
        #expect(owner(12) == nil)
        // What does not tell the range leaves it as it was.
        cache.learn(Nodes.node(30), at: .seconds(2))
        #expect(owner(25) == Nodes.node(30))
    }

    @Test("Without memory nothing is kept")
    func none() {
        #expect(Self.cache(1, 2, bytes: 0).count == 0)
    }

    @Test("Long texts count")
    func texts() {
        var node = Nodes.node(1)
        node.address = "a-host-with-a-long-name.example:4400"
        var cache = MemberCache(.init())
        cache.learn(node, at: .zero)
        let long = cache.bytes
        #expect(long > Self.cache(1).bytes + 36)
        // The sum follows an entry that changes.
        cache.learn(Nodes.node(1), isVerified: true, at: .zero)
        #expect(cache.bytes == Self.cache(1).bytes)
    }
}
