// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordTestSupport
import Testing

@testable import ChordStore

@Suite("Splits of ranges as entries of the log", .tags(.unit))
struct RangeSplitTests {
    private static let child = RangeID(high: 8, low: 9)

    /// A range over (0, 100] with rows at position 5, three entries old.
    private static func range() throws -> RangeFixture {
        var range = RangeFixture(
            bounds: IdentifierRange(after: .zero, through: Identifier(100))
        )
        try range.apply(RangeFixture.write(1, .put("a", "one"), .put("b")), at: 70)
        try range.apply(RangeFixture.write(2, .delete("b")), at: 80)
        try range.apply(.advance, at: 90)
        return range
    }

    private static func split(
        _ range: RangeFixture,
        at position: UInt64 = 50,
        size: RangeSize = RangeSize(rows: 1, bytes: 4)
    ) -> RangeSplit {
        RangeSplit(
            child: child,
            position: Identifier(position),
            epoch: range.state.descriptor.epoch,
            replicas: range.state.configuration.members,
            size: size
        )
    }

    @Test("the child takes the lower part, and both descriptors have a newer epoch of the bounds")
    func bounds() throws {
        var range = try Self.range()
        let before = range.state.descriptor
        guard case .split(let child) = try range.apply(.split(Self.split(range)), at: 95) else {
            Issue.record("the range was not split")
            return
        }
        #expect(child.descriptor.id == Self.child)
        #expect(
            child.descriptor.bounds == IdentifierRange(after: .zero, through: Identifier(50))
        )
        #expect(
            range.state.descriptor.bounds
                == IdentifierRange(after: Identifier(50), through: Identifier(100))
        )
        #expect(range.state.descriptor.id == before.id)
        #expect(range.state.descriptor.epoch.isNewer(than: before.epoch))
        #expect(child.descriptor.epoch == range.state.descriptor.epoch)
        #expect(child.descriptor.nextNumber == before.nextNumber)
        #expect(child.slot == range.state.slot)
        #expect(child.time == RangeTime(milliseconds: 95))
    }

    @Test("the child's versions are above those of the rows that it takes")
    func versions() throws {
        var range = try Self.range()
        guard case .split(let child) = try range.apply(.split(Self.split(range))) else {
            Issue.record("the range was not split")
            return
        }
        #expect(child.applied == range.state.applied)
        var taken = range
        taken.state = child
        let place = Identifier(5)
        let answer = try taken.apply(RangeFixture.write(3, position: place, .put("b")))
        guard case .written(let outcome) = answer else {
            Issue.record("the child refused a write: \(answer)")
            return
        }
        // The deleted row of this key had the third version.
        #expect(outcome.version > LogIndex(3))
    }

    @Test("both halves know the requests that were answered before")
    func requests() throws {
        var range = try Self.range()
        guard case .split(let child) = try range.apply(.split(Self.split(range))) else {
            Issue.record("the range was not split")
            return
        }
        let again = RangeFixture.write(2, .delete("b"))
        #expect(try range.apply(again) == .refused(.outsideRange))
        range.state = child
        guard case .written(let outcome) = try range.apply(again) else {
            Issue.record("the child does not know the request")
            return
        }
        #expect(outcome.version == LogIndex(2))
        #expect(range.row("a")?.version == LogIndex(1))
    }

    @Test("the sizes of the halves add up, whatever the leader has counted", arguments: [0, 1, 9])
    func sizes(rows: UInt64) throws {
        var range = try Self.range()
        let before = range.state.size
        let split = Self.split(range, size: RangeSize(rows: rows, bytes: rows))
        guard case .split(let child) = try range.apply(.split(split)) else {
            Issue.record("the range was not split")
            return
        }
        #expect(child.size.with(range.state.size) == before)
        // Bytes are those of a state too, where a half counts too little.
        var writer = ByteWriter()
        range.state.size.encode(to: &writer)
        var reader = ByteReader(writer.bytes, what: "size")
        #expect(try RangeSize(decoding: &reader) == range.state.size)
    }

    @Test("a split for another epoch, other replicas or a place outside does nothing")
    func refusals() throws {
        var range = try Self.range()
        var stale = Self.split(range)
        try range.apply(.setReplication(5))
        var strange = Self.split(range)
        strange.replicas = [ReplicaNumber(7)]
        let before = range.state.descriptor
        for split in [
            stale, strange, Self.split(range, at: 100), Self.split(range, at: 101),
        ] {
            #expect(try range.apply(.split(split)) == .nothing)
        }
        #expect(range.state.descriptor == before)
        stale.epoch = before.epoch
        guard case .split = try range.apply(.split(stale)) else {
            Issue.record("a split for the present epoch was refused")
            return
        }
    }

    @Test("a joint configuration is not split")
    func joint() throws {
        var range = try Self.range()
        let joint = try RaftConfiguration(
            checking: [ReplicaNumber(1)],
            outgoing: [ReplicaNumber(2)],
            learners: []
        )
        try range.apply(joint)
        #expect(try range.apply(.split(Self.split(range))) == .nothing)
    }

    @Test("the whole circle splits into two arcs")
    func circle() throws {
        var range = RangeFixture()
        guard case .split(let child) = try range.apply(.split(Self.split(range, at: 3))) else {
            Issue.record("the range was not split")
            return
        }
        #expect(child.descriptor.bounds == IdentifierRange(after: .zero, through: Identifier(3)))
        #expect(
            range.state.descriptor.bounds == IdentifierRange(after: Identifier(3), through: .zero)
        )
        #expect(!child.descriptor.bounds.overlaps(range.state.descriptor.bounds))
    }

    @Test(
        "arcs overlap where they have an identifier in common",
        arguments: [
            ((0, 10), (10, 20), false), ((0, 10), (9, 20), true), ((5, 5), (7, 8), true),
            ((90, 10), (10, 90), false), ((90, 10), (5, 6), true), ((5, 6), (90, 10), true),
        ] as [((UInt64, UInt64), (UInt64, UInt64), Bool)]
    )
    func overlap(left: (UInt64, UInt64), right: (UInt64, UInt64), expected: Bool) {
        func arc(_ bounds: (UInt64, UInt64)) -> IdentifierRange {
            IdentifierRange(after: Identifier(bounds.0), through: Identifier(bounds.1))
        }
        #expect(arc(left).overlaps(arc(right)) == expected)
        #expect(arc(right).overlaps(arc(left)) == expected)
    }
}
