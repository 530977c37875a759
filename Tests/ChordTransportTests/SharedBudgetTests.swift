// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
import NIOCore
import ChordTestSupport
import Testing

@testable import ChordTransport

/// Who gets how much of what all share.
@Suite("Shared budgets", .tags(.unit))
struct SharedBudgetTests {
    private static let limits = TransportConfiguration.ServerLimits(
        maxNodeCallsInFlight: 24,
        maxClientCallsInFlight: 24,
        maxStreams: 12,
        maxHeldBytes: 1200
    )

    private final class Callers {
        let budgets = ServerBudgets(SharedBudgetTests.limits)

        /// A connection of an identity of its own, or of one that has others already.
        func share(_ role: Role, _ account: CallerAccount? = nil) -> ConnectionShare {
            ConnectionShare(
                account: account ?? CallerAccount(SharedBudgetTests.limits),
                role: role,
                of: budgets
            )
        }
    }

    /// Takes calls until the share refuses one.
    private static func fill(_ share: ConnectionShare) -> (Int, SharedBudget.Excess?) {
        var count = share.publishedCalls
        while count < 1000 {
            if let excess = share.excess(calls: count) { return (count, excess) }
            count += 1
            share.publish(calls: count, streams: 0)
        }
        return (count, nil)
    }

    @Test func singleIdentityGetsHalfOfTheBudget() {
        let callers = Callers()
        let account = CallerAccount(Self.limits)
        let shares = (0..<3).map { _ in callers.share(.client, account) }
        #expect(Self.fill(shares[0]) == (12, .share))
        #expect(Self.fill(shares[1]) == (0, .share))
        // What is given back on one connection may be had on another.
        shares[0].publish(calls: 7, streams: 0)
        #expect(Self.fill(shares[2]) == (5, .share))
        for index in shares.indices { shares[index].publish(calls: 0, streams: 0) }
        #expect(callers.budgets.clientCalls.inUse == 0)
        #expect(account.callCount == 0)
    }

    @Test func newIdentityFindsRoomBesideGreedyOnes() {
        let callers = Callers()
        var greedy: [ConnectionShare] = []
        for _ in 0..<4 {
            let share = callers.share(.client)
            let (count, excess) = Self.fill(share)
            #expect(count > 0)
            #expect(excess == .share)
            greedy.append(share)
        }
        #expect(greedy.map(\.publishedCalls) == [12, 6, 3, 2])
    }

    @Test func returnedBudgetIsComplete() {
        let callers = Callers()
        let shares = (0..<24).map { _ in callers.share(.client) }
        for index in shares.indices {
            #expect(shares[index].excess(calls: 0) == nil)
            shares[index].publish(calls: 1, streams: 0)
        }
        #expect(callers.share(.client).excess(calls: 0) == .whole)
    }

    @Test func nodesClientsStreamsAndBytesAreCountedSeparately() {
        let callers = Callers()
        let client = callers.share(.client)
        _ = Self.fill(client)
        let node = callers.share(.node)
        #expect(Self.fill(node) == (12, .share))
        client.publish(calls: client.publishedCalls, streams: 6)
        #expect(client.excess(streams: 6) == .share)
        #expect(node.excess(streams: 5) == nil)
        // Administrators have their streams where clients do.
        #expect(callers.share(.admin).excess(streams: 2) == nil)
        #expect(callers.share(.admin).excess(streams: 5) == .share)
        #expect(client.excess(bytes: 0, adding: 600) == nil)
        #expect(client.excess(bytes: 0, adding: 1201) == .whole)
        client.publish(bytes: 600)
        #expect(client.excess(bytes: 600, adding: 1) == .share)
        #expect(node.excess(bytes: 0, adding: 600) == nil)
    }

    @Test func inflatedBytesHaveABurstAndARate() {
        func at(_ seconds: Double) -> MonotonicTime { .init(nanoseconds: Int64(seconds * 1e9)) }
        let budget = InflationBudget(burst: 100, perSecond: 10)
        #expect(budget.allowsMore(at: at(1)))
        budget.take(150)
        #expect(!budget.allowsMore(at: at(1)))
        #expect(!budget.allowsMore(at: at(5.5)))
        #expect(budget.allowsMore(at: at(6.5)))
        // It never grows beyond the burst.
        #expect(budget.allowsMore(at: at(1000)))
        budget.take(100)
        #expect(!budget.allowsMore(at: at(1000)))
        // Another loop's clock may be behind.
        #expect(!budget.allowsMore(at: at(999)))
    }

    /// The intervals that a peer can drive.
    @Test func keepaliveIntervalHasAMaximum() {
        let keepalive = TransportConfiguration.ClientKeepalive(interval: .seconds(10))
        var interval = Duration.seconds(10)
        var seen: [Duration] = []
        for _ in 0..<1000 {
            interval = keepalive.interval(after: interval)
            seen.append(interval)
        }
        #expect(seen.prefix(3) == [.seconds(20), .seconds(40), .seconds(80)])
        #expect(seen.max() == .seconds(3600))
        #expect(seen.last == .seconds(3600))
        // One that the user has made longer stays as it is.
        #expect(keepalive.interval(after: .seconds(7200)) == .seconds(7200))
        #expect(keepalive.interval(after: .seconds(Int64.max)) == .seconds(Int64.max))
    }
}

@Suite("Handshakes under way", .tags(.unit))
struct HandshakesTests {
    private static func limits(
        _ most: Int,
        perHost: Int,
        known: Int
    ) -> TransportConfiguration.ServerLimits {
        TransportConfiguration.ServerLimits(
            maxHandshakes: most,
            maxHandshakesPerHost: perHost,
            handshakesOfKnownHosts: known
        )
    }

    private static let start = MonotonicTime(nanoseconds: 0)

    @Test(arguments: [
        ("10.0.0.1", "10.0.0.1", true), ("10.0.0.1", "10.0.0.2", false),
        ("::ffff:10.0.0.1", "10.0.0.1", true),
        ("2001:db8::1", "2001:db8::ffff:1:2:3", true), ("2001:db8::1", "2001:db8:0:1::1", false),
        ("fe80::1%eth0", "fe80::2%eth1", true), ("::1", "127.0.0.1", false),
    ])
    func addressesOfOneNetworkCountAsOneHost(_ one: String, _ other: String, areOne: Bool) {
        #expect((HostGroup(one) == HostGroup(other)) == areOne)
    }

    /// 256 silent connections from each of two addresses, as many as there may be.
    @Test func oldestSilentHandshakeIsClosedFirst() {
        let limits = Self.limits(512, perHost: 256, known: 128)
        var handshakes = Handshakes()
        var number: UInt64 = 0
        func begin(_ host: String, at time: MonotonicTime = Self.start) -> Handshakes.Admission {
            number += 1
            let admission = handshakes.admission(from: HostGroup(host), at: time, limits)
            switch admission {
            case .admitted: break
            case .instead(let other, _): handshakes.end(other)
            case .refused: return admission
            }
            handshakes.begin(number, from: HostGroup(host), at: time)
            return admission
        }
        for _ in 0..<256 { #expect(begin("10.0.0.1") == .admitted) }
        #expect(begin("10.0.0.1") == .instead(of: 1, at: .handshakesPerHost))
        for _ in 0..<128 { #expect(begin("10.0.0.2") == .admitted) }
        // The strangers' part is full: the host with the most makes room.
        #expect(begin("10.0.0.3") == .instead(of: 2, at: .handshakes))
        #expect(handshakes.count == 384)
        handshakes.remember(HostGroup("10.0.0.4"), number: number, isMember: true)
        for _ in 0..<128 { #expect(begin("10.0.0.4") == .admitted) }
        // A known host that wants more takes it from strangers.
        #expect(begin("10.0.0.4") == .instead(of: 3, at: .handshakes))
        #expect(handshakes.count == 512)
    }

    @Test func startedHandshakeCanBeClosedToo() {
        let limits = Self.limits(4, perHost: 2, known: 0)
        var handshakes = Handshakes()
        let host = HostGroup("10.0.0.1")
        for number in [1, 2] as [UInt64] {
            handshakes.begin(number, from: host, at: Self.start)
            handshakes.heard(number)
        }
        let soon = Self.start + .milliseconds(500)
        #expect(
            handshakes.admission(from: host, at: soon, limits) == .refused(.handshakesPerHost)
        )
        #expect(
            handshakes.admission(from: host, at: Self.start + .seconds(1), limits)
                == .instead(of: 1, at: .handshakesPerHost)
        )
        handshakes.end(2)
        #expect(handshakes.admission(from: host, at: soon, limits) == .admitted)
        // Twice is once.
        handshakes.end(2)
        #expect(handshakes.count == 1)
    }

    @Test func hostsOfMembersAreForgottenLast() {
        let limits = Self.limits(2, perHost: 2, known: 1)
        var handshakes = Handshakes()
        handshakes.remember(HostGroup("10.0.0.1"), number: 1, isMember: true)
        for number in 2...5000 as ClosedRange<UInt64> {
            let host = HostGroup("10.1.\(number / 250).\(number % 250)")
            handshakes.remember(host, number: number, isMember: false)
        }
        handshakes.begin(6000, from: HostGroup("10.9.0.1"), at: Self.start)
        handshakes.heard(6000)
        handshakes.begin(6001, from: HostGroup("10.9.0.2"), at: Self.start)
        handshakes.heard(6001)
        // A stranger is refused, and a member let in as soon as that may be.
        let later = Self.start + .seconds(2)
        #expect(
            handshakes.admission(from: HostGroup("10.0.0.1"), at: later, limits)
                == .instead(of: 6000, at: .handshakes)
        )
    }
}
