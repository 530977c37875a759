// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordTestSupport
import Testing

/// What a head knows about the claim of a predecessor that it takes for dead.
@Suite(.tags(.unit)) struct GrantTableTests {
    private static let member = Identifier(20)
    private static let other = Identifier(10)

    private static func claim(
        _ number: UInt64,
        id: Identifier = member,
        hold: Duration = .seconds(16),
        isForwarded: Bool = false
    ) -> RangeClaim {
        RangeClaim(
            id: id,
            number: number,
            interval: .seconds(2),
            hold: hold,
            isForwarded: isForwarded
        )
    }

    /// A table whose predecessor has asked with number 7, and has been taken for dead at second 10.
    private static func stopped(isRefused: Bool = false) -> (GrantTable, Duration?) {
        var table = GrantTable()
        #expect(table.arrived(claim(7), at: .seconds(9)) == .granted)
        let end = table.stop(member, isRefused: isRefused, at: .seconds(10))
        return (table, end)
    }

    @Test func silentMemberMayOwnItsRangeForItsHoldAndAReserve() {
        #expect(Self.stopped().1 == .seconds(9 + 16 + 1))
    }

    @Test func memberOfAnOlderVersionOwnsNothing() {
        var table = GrantTable()
        #expect(table.stop(Self.member, isRefused: false, at: .seconds(1)) == nil)
        #expect(table.isOver(Self.member, at: .seconds(1)))
    }

    @Test func onlyAHigherNumberShowsThatTheRangeWasGivenUp() {
        var (table, _) = Self.stopped()
        #expect(table.arrived(Self.claim(7), at: .seconds(11)) == .stopped)
        // What another member passes on may be late, and is not the member's own word.
        #expect(table.arrived(Self.claim(8, isForwarded: true), at: .seconds(11)) == .stopped)
        #expect(!table.isOver(Self.member, at: .seconds(25)))
        #expect(table.arrived(Self.claim(8), at: .seconds(12)) == .released)
    }

    @Test func stoppedClaimIsNotProlonged() {
        var (table, _) = Self.stopped()
        #expect(table.arrived(Self.claim(7), at: .seconds(20)) == .stopped)
        #expect(table.isOver(Self.member, at: .seconds(26)))
    }

    @Test func forwardedClaimProlongs() {
        var table = GrantTable()
        _ = table.arrived(Self.claim(7), at: .seconds(9))
        _ = table.arrived(Self.claim(7, isForwarded: true), at: .seconds(12))
        #expect(
            table.stop(Self.member, isRefused: false, at: .seconds(13)) == .seconds(12 + 16 + 1)
        )
    }

    @Test func forwardedClaimDoesNotMakeTheHoldLonger() {
        var table = GrantTable()
        _ = table.arrived(Self.claim(7), at: .seconds(9))
        let long = Self.claim(7, hold: .seconds(600), isForwarded: true)
        _ = table.arrived(long, at: .seconds(12))
        #expect(
            table.stop(Self.member, isRefused: false, at: .seconds(13)) == .seconds(12 + 16 + 1)
        )
    }

    @Test func refusedMemberIsAwaitedUntilItsNextQuestionOnly() {
        let (_, end) = Self.stopped(isRefused: true)
        #expect(end == .seconds(11))
    }

    @Test("A process whose port refuses and whose connections have ended owns nothing")
    func endedProcess() {
        var table = GrantTable()
        _ = table.arrived(Self.claim(7), at: .seconds(9))
        let isOver = table.callerLost(Self.member, at: .seconds(10))
        #expect(!isOver)
        #expect(table.stop(Self.member, isRefused: true, at: .seconds(10)) == nil)
        // The connections may also be seen to end after the verdict.
        var (late, _) = Self.stopped(isRefused: true)
        let isLateOver = late.callerLost(Self.member, at: .milliseconds(10_100))
        #expect(isLateOver)
        #expect(late.isOver(Self.member, at: .milliseconds(10_100)))
    }

    @Test("A question after a lost connection shows that the process lives")
    func reconnected() {
        var table = GrantTable()
        _ = table.arrived(Self.claim(7), at: .seconds(9))
        _ = table.callerLost(Self.member, at: .seconds(10))
        _ = table.arrived(Self.claim(7), at: .seconds(11))
        #expect(table.stop(Self.member, isRefused: true, at: .seconds(12)) == .seconds(13))
        // A silent member is awaited even if its connections have ended: its packets may be lost.
        var (silent, _) = Self.stopped()
        let isSilentOver = silent.callerLost(Self.member, at: .seconds(10))
        #expect(!isSilentOver)
        #expect(!silent.isOver(Self.member, at: .seconds(25)))
    }

    @Test func predecessorOnceMoreIsGrantedAgain() {
        var (table, _) = Self.stopped()
        table.keep(predecessor: Self.other, former: [Self.member])
        #expect(table.arrived(Self.claim(7), at: .seconds(11)) == .stopped)
        table.keep(predecessor: Self.member, former: [])
        #expect(table.arrived(Self.claim(7), at: .seconds(12)) == .granted)
        #expect(!table.isOver(Self.member, at: .seconds(100)))
        table.keep(predecessor: Self.other, former: [])
        #expect(table.isOver(Self.member, at: .seconds(12)))
    }
}
