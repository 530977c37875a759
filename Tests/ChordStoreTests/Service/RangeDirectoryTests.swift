// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordTestSupport
import Testing

@testable import ChordStore

@Suite("Hints about ranges of other nodes", .tags(.unit))
struct RangeDirectoryTests {
    private static func hint(
        _ id: UInt64,
        after: UInt64,
        through: UInt64,
        bounds: UInt64 = 1,
        configuration: UInt64 = 1,
        leader: UInt64? = 1,
        term: Term = Term(1)
    ) -> RangeHint {
        RangeHint(
            descriptor: RangeDescriptor(
                id: RangeID(high: 0, low: id),
                epoch: RangeEpoch(configuration: configuration, bounds: bounds),
                bounds: IdentifierRange(after: Identifier(after), through: Identifier(through)),
                replicas: [],
                nextNumber: ReplicaNumber(5),
                replication: 3
            ),
            leader: leader.map { ReplicaNumber($0) },
            term: term
        )
    }

    private func found(_ directory: RangeDirectory, _ position: UInt64) -> UInt64? {
        directory.hint(for: Identifier(position))?.descriptor.id.low
    }

    @Test("the range of a position is found, also over the circle's zero")
    func finding() {
        var directory = RangeDirectory()
        #expect(found(directory, 5) == nil)
        directory.note(Self.hint(1, after: 100, through: 200))
        directory.note(Self.hint(2, after: 300, through: 50))
        #expect(found(directory, 100) == nil && found(directory, 101) == 1)
        #expect(found(directory, 200) == 1 && found(directory, 201) == nil)
        #expect(found(directory, 301) == 2 && found(directory, .max) == 2)
        #expect(
            found(directory, 0) == 2 && found(directory, 50) == 2 && found(directory, 51) == nil
        )
        directory.forget(RangeID(high: 0, low: 2))
        #expect(found(directory, 0) == nil && directory.count == 1)
    }

    @Test("a range that was split gives way to its parts, and its late hint changes nothing")
    func splits() {
        var directory = RangeDirectory()
        let parent = Self.hint(1, after: 0, through: 200)
        directory.note(parent)
        directory.note(Self.hint(2, after: 0, through: 100, bounds: 2))
        #expect(found(directory, 50) == 2 && found(directory, 150) == nil)
        directory.note(parent)
        #expect(found(directory, 50) == 2 && found(directory, 150) == nil)
        directory.note(Self.hint(1, after: 100, through: 200, bounds: 2))
        #expect(found(directory, 50) == 2 && found(directory, 150) == 1 && directory.count == 2)
    }

    @Test("of two hints about one range the newer one stays")
    func newer() {
        var directory = RangeDirectory()
        directory.note(Self.hint(1, after: 0, through: 200, leader: 3, term: Term(7)))
        directory.note(Self.hint(1, after: 0, through: 200, leader: 2, term: Term(6)))
        #expect(directory.hint(for: Identifier(9))?.leader == ReplicaNumber(3))
        directory.note(Self.hint(1, after: 0, through: 200, configuration: 2, leader: nil))
        #expect(directory.hint(for: Identifier(9))?.leader == nil)
    }

    @Test("the number of hints is bounded: the oldest goes")
    func capacity() {
        var directory = RangeDirectory(capacity: 3)
        for number in 1...4 as ClosedRange<UInt64> {
            directory.note(Self.hint(number, after: number * 10, through: number * 10 + 5))
        }
        #expect(directory.count == 3 && found(directory, 11) == nil && found(directory, 41) == 4)
    }

    @Test("a leader tells of a range at each change and after the interval, changes first")
    func schedule() {
        var schedule = HintSchedule(interval: .seconds(10), most: 2)
        let ranges = (1...3 as ClosedRange<UInt64>).map { number in
            Self.hint(number, after: number * 10, through: number * 10 + 5)
        }
        #expect(schedule.due(ranges, now: .seconds(100)).map(\.hint) == Array(ranges[..<2]))
        #expect(schedule.due(ranges, now: .seconds(101)).map(\.hint) == [ranges[2]])
        #expect(schedule.due(ranges, now: .seconds(102)).map(\.hint) == [])
        var changed = ranges
        changed[2].term = Term(9)
        #expect(schedule.due(changed, now: .seconds(110)).map(\.hint) == [changed[2], ranges[0]])
        #expect(schedule.due(changed, now: .seconds(110)).map(\.hint) == [ranges[1]])
        // A range that was led by another node meanwhile is told anew.
        #expect(schedule.due([], now: .seconds(111)).map(\.hint) == [])
        #expect(schedule.due([ranges[0]], now: .seconds(111)).map(\.hint) == [ranges[0]])
    }

    @Test("the nodes of removed replicas are told once")
    func formerReplicas() {
        var schedule = HintSchedule()
        let removed = ReplicaDescriptor(
            number: ReplicaNumber(2),
            node: "n2",
            address: "n2:1",
            disk: DiskID(high: 0, low: 2),
            role: .voter
        )
        var hint = Self.hint(1, after: 0, through: 200)
        hint.descriptor.replicas = [removed]
        let smaller = Self.hint(1, after: 0, through: 200, configuration: 2)
        #expect(schedule.due([hint], now: .seconds(1)).map(\.former) == [[]])
        #expect(
            schedule.due([smaller], now: .seconds(2))
                == [HintSchedule.Due(hint: smaller, former: [removed])]
        )
        #expect(schedule.due([smaller], now: .seconds(20)).map(\.former) == [[]])
    }
}
