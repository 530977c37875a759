// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import ChordTestSupport
import Testing

@testable import ChordTransport

/// Budgets, on a clock that the test sets.
@Suite("Budgets", .tags(.unit))
struct BudgetTests {
    private static func at(_ seconds: Double) -> MonotonicTime {
        MonotonicTime(nanoseconds: Int64(seconds * 1e9))
    }

    @Test func burstIsAllowedAndRefills() {
        var budget = RateBudget(burst: 3, perSecond: 2, at: Self.at(0))
        for _ in 0..<3 { #expect(same(budget.takeOne(at: Self.at(0)))) }
        #expect(!same(budget.takeOne(at: Self.at(0))))
        #expect(!same(budget.takeOne(at: Self.at(0.4))))
        #expect(same(budget.takeOne(at: Self.at(0.5))))
        #expect(!same(budget.takeOne(at: Self.at(0.6))))
        // It never grows beyond the burst.
        for _ in 0..<3 { #expect(same(budget.takeOne(at: Self.at(100)))) }
        #expect(!same(budget.takeOne(at: Self.at(100))))
    }

    @Test func clockIsNotReadWithinTheBurst() {
        var budget = RateBudget(burst: 2, perSecond: 1, at: Self.at(0))
        var looks = 0
        func now() -> MonotonicTime {
            looks += 1
            return Self.at(0)
        }
        #expect(same(budget.allows(2, at: now())))
        #expect(same(budget.allows(2, at: now())))
        #expect(looks == 0)
        #expect(!same(budget.allows(3, at: now())))
        #expect(looks == 1)
    }

    @Test func overdraftIsOwed() {
        var budget = RateBudget(burst: 10, perSecond: 1, at: Self.at(0))
        #expect(!same(budget.allows(30, at: Self.at(0))))
        #expect(!same(budget.allows(31, at: Self.at(10))))
        #expect(same(budget.allows(32, at: Self.at(60))))
    }

    @Test func occasionalPingIsAllowed() {
        var policy = PingPolicy(TransportConfiguration.ServerKeepalive())
        for count in 1...10 as ClosedRange<UInt64> {
            let now = Self.at(300 * Double(count))
            #expect(same(policy.allows(pings: count, activity: 0, at: now)))
        }
    }

    @Test func thirdExcessPingIsRefused() {
        var policy = PingPolicy(TransportConfiguration.ServerKeepalive())
        #expect(same(policy.allows(pings: 1, activity: 0, at: Self.at(0))))
        #expect(same(policy.allows(pings: 2, activity: 0, at: Self.at(100))))
        #expect(same(policy.allows(pings: 3, activity: 0, at: Self.at(200))))
        #expect(!same(policy.allows(pings: 4, activity: 0, at: Self.at(300))))
    }

    @Test func callsResetThePingCount() {
        var policy = PingPolicy(TransportConfiguration.ServerKeepalive())
        for count in 1...20 as ClosedRange<UInt64> {
            #expect(same(policy.allows(pings: count, activity: count / 2, at: Self.at(0))))
        }
    }

    @Test func floodWithinOneReadIsDetected() {
        var policy = PingPolicy(TransportConfiguration.ServerKeepalive())
        #expect(!same(policy.allows(pings: .max, activity: 1, at: Self.at(0))))
    }
}

/// Keeps the macro from taking the call apart, which would call a mutating method on a copy.
private func same(_ value: Bool) -> Bool { value }
