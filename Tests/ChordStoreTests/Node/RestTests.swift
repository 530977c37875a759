// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordTestSupport
import Testing

@testable import ChordStore

@Suite("Resting replicas and the campaigns after their rest", .tags(.unit))
struct RestTests {
    private let disk = DiskID(high: 1, low: 1)

    private func range(_ number: UInt64) -> RangeID { RangeID(high: 0, low: number) }

    @Test("every resting range is named in its turn, also when ranges come and go")
    func turns() {
        var resting = RestingReplicas()
        for number in UInt64(1)...5 { resting.note(range(number), under: disk) }
        let turn1 = resting.next(under: disk, atMost: 2)
        #expect(turn1 == [range(1), range(2)])
        let turn2 = resting.next(under: disk, atMost: 2)
        #expect(turn2 == [range(3), range(4)])
        resting.note(range(4), under: nil)
        let turn3 = resting.next(under: disk, atMost: 2)
        #expect(turn3 == [range(5), range(1)])
        let turn4 = resting.next(under: disk, atMost: 9)
        #expect(turn4 == [2, 3, 5, 1].map(range))
    }

    @Test("a range rests under one leader")
    func leaders() {
        var resting = RestingReplicas()
        let other = DiskID(high: 1, low: 2)
        resting.note(range(1), under: disk)
        resting.note(range(1), under: other)
        #expect(resting.ranges(under: disk).isEmpty)
        #expect(resting.ranges(under: other) == [range(1)])
        #expect(resting.leader(of: range(1)) == other)
        resting.note(range(1), under: nil)
        #expect(resting.leader(of: range(1)) == nil)
        let turn5 = resting.next(under: other, atMost: 1)
        #expect(turn5.isEmpty)
    }

    @Test("the window grows with the groups, and owners campaign in its first quarter")
    func window() {
        let few = CampaignWindow(groups: 1, settings: .lan)
        let many = CampaignWindow(groups: 2000, settings: .lan)
        #expect(few.length == RaftSettings.lan.heartbeatInterval)
        #expect(many.length == CampaignWindow.share * 2000)
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<1000 {
            let owner = many.delay(isOwner: true, random: generator.next())
            let other = many.delay(isOwner: false, random: generator.next())
            #expect(owner >= .zero && owner < many.length / 4)
            #expect(other >= many.length / 4 && other < many.length)
        }
    }

    @Test("a suspension shows in the distance of the clocks, a slow reading does not hide it")
    func suspension() {
        var detector = SuspensionDetector()
        func reading(_ from: Int64, _ to: Int64) -> ClosedRange<Duration> {
            .milliseconds(from) ... .milliseconds(to)
        }
        let isSuspended6 = detector.wasSuspended(reading(0, 0))
        #expect(!isSuspended6)
        let isSuspended7 = detector.wasSuspended(reading(1, 2))
        #expect(!isSuspended7)
        // The reading took long: there may have been one.
        let isSuspended8 = detector.wasSuspended(reading(-50, 40))
        #expect(isSuspended8)
        let isSuspended9 = detector.wasSuspended(reading(1, 2))
        #expect(!isSuspended9)
        let isSuspended10 = detector.wasSuspended(reading(5000, 5001))
        #expect(isSuspended10)
        let isSuspended11 = detector.wasSuspended(reading(5000, 5001))
        #expect(!isSuspended11)
        let isSuspended12 = detector.wasSuspended(reading(4000, 5900))
        #expect(isSuspended12)
    }
}
