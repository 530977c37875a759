// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordTestSupport
import Testing

@testable import ChordStore

@Suite("What a node knows of the nodes that share ranges with it", .tags(.unit))
struct NodeLivenessTests {
    private static let disk = DiskID(high: 1, low: 2)
    private static let member = StoreMember(node: "n2", address: "n2:1", disk: disk)
    private var liveness = NodeLiveness(.lan)

    init() {
        liveness.watch([Self.member], now: .zero)
    }

    private mutating func hear(
        _ time: Duration,
        node: String = "n2",
        starts: UInt64 = 1,
        promise: Bool? = true
    ) -> NodeLiveness.News {
        liveness.heard(
            Self.disk,
            node: node,
            starts: starts,
            sendsHeartbeats: promise,
            at: time
        )
    }

    /// Lets time pass, a tick in each interval.
    private mutating func tick(from start: Duration, through end: Duration) -> [DiskID] {
        var missing: [DiskID] = []
        var time = start
        while time <= end {
            missing += liveness.tick(now: time).missing
            time += liveness.interval
        }
        return missing
    }

    @Test("a node is watched once it promises heartbeats")
    mutating func promise() {
        #expect(liveness.state(of: Self.disk) == .unwatched)
        let news1 = hear(.milliseconds(10), promise: nil)
        #expect(news1 == .none)
        #expect(liveness.state(of: Self.disk) == .unwatched)
        let news2 = hear(.milliseconds(20))
        #expect(news2 == .returned)
        #expect(liveness.state(of: Self.disk) == .watched)
        #expect(liveness.state(of: DiskID(high: 9, low: 9)) == .unwatched)
    }

    @Test("a node that is not heard of for an election timeout is missing, once, and returns")
    mutating func missing() {
        _ = hear(.milliseconds(100))
        let found3 = tick(from: .milliseconds(200), through: .milliseconds(1000))
        #expect(found3.isEmpty)
        let found4 = tick(from: .milliseconds(1200), through: .seconds(3))
        #expect(found4 == [Self.disk])
        #expect(liveness.state(of: Self.disk) == .missing)
        let news5 = hear(.seconds(4))
        #expect(news5 == .returned)
        #expect(liveness.state(of: Self.disk) == .watched)
        #expect(liveness.heard(Self.disk) == .seconds(4))
    }

    @Test("a node that was never heard of becomes missing too")
    mutating func neverHeard() {
        let found6 = tick(from: .zero, through: .seconds(2))
        #expect(found6 == [Self.disk])
        #expect(liveness.heard(Self.disk) == nil)
    }

    @Test("the answer to a call that left long ago brings nobody back")
    mutating func lateAnswer() {
        _ = hear(.seconds(1))
        _ = tick(from: .seconds(1), through: .seconds(3))
        let news7 = hear(.milliseconds(900), promise: nil)
        #expect(news7 == .none)
        #expect(liveness.state(of: Self.disk) == .missing)
    }

    @Test("a new process is told from the former one, whose late calls count no more")
    mutating func restart() {
        _ = hear(.milliseconds(100))
        let news8 = hear(.milliseconds(200), starts: 2, promise: nil)
        #expect(news8 == .restarted)
        // Whether the new process promises heartbeats is open until it says so.
        #expect(liveness.state(of: Self.disk) == .unwatched)
        let news9 = hear(.milliseconds(300), starts: 1)
        #expect(news9 == .none)
        #expect(liveness.state(of: Self.disk) == .unwatched)
        let news10 = hear(.milliseconds(400), starts: 2)
        #expect(news10 == .returned)
        #expect(liveness.state(of: Self.disk) == .watched)
    }

    @Test("a disk whose number of starts went back is heard again after it was missing")
    mutating func restoredDisk() {
        _ = hear(.milliseconds(100), starts: 7)
        let news11 = hear(.milliseconds(200), starts: 3)
        #expect(news11 == .none)
        _ = tick(from: .milliseconds(200), through: .seconds(2))
        let news12 = hear(.seconds(2), starts: 3)
        #expect(news12 == .restarted)
    }

    @Test("a node vouches for no other one")
    mutating func foreignName() {
        let news13 = hear(.milliseconds(10), node: "n3")
        #expect(news13 == .none)
        #expect(liveness.state(of: Self.disk) == .unwatched)
    }

    @Test("a process that stood still does not take all others for dead")
    mutating func ownPause() {
        _ = hear(.milliseconds(100))
        _ = tick(from: .milliseconds(200), through: .milliseconds(400))
        let tick15 = liveness.tick(now: .seconds(20))
        #expect(tick15.missing.isEmpty)
        let found14 = tick(from: .milliseconds(20_200), through: .seconds(22))
        #expect(found14 == [Self.disk])
    }

    @Test("one call in an interval is enough")
    mutating func due() {
        let tick16 = liveness.tick(now: .milliseconds(200))
        #expect(tick16.due == [Self.member])
        liveness.called(Self.disk, now: .milliseconds(390))
        let tick17 = liveness.tick(now: .milliseconds(400))
        #expect(tick17.due.isEmpty)
        let tick18 = liveness.tick(now: .milliseconds(600))
        #expect(tick18.due == [Self.member])
        liveness.watch([], now: .milliseconds(700))
        let tick19 = liveness.tick(now: .milliseconds(800))
        #expect(tick19.due.isEmpty)
    }
}
