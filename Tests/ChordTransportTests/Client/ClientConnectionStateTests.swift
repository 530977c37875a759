// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordRPC
import ChordTestSupport
import Testing

@testable import ChordTransport

/// What a client decides about a connection, without a connection and without waiting.
@Suite("The state of a client's connection", .tags(.unit))
struct ClientConnectionStateTests {
    private typealias State = ClientConnectionState

    /// A state with a clock, which is moved to the state's deadlines one after the other.
    private final class Driven {
        var state: State
        private(set) var now = MonotonicTime(nanoseconds: 0)

        init(_ change: (inout TransportConfiguration.Client) -> Void = { _ in }) {
            var configuration = TransportConfiguration()
            change(&configuration.client)
            state = State(configuration, at: now)
            state.connected(at: now)
        }

        /// A ready connection at time zero.
        static func ready(
            pinging interval: Duration? = nil,
            _ change: (inout TransportConfiguration.Client) -> Void = { _ in }
        ) -> Driven {
            let driven = Driven(change)
            driven.state.handshakeCompleted()
            _ = driven.settings(pinging: interval)
            return driven
        }

        func settings(isPeerGoingAway: Bool = false, pinging interval: Duration? = nil) -> Bool {
            state.settingsReceived(
                at: now,
                isPeerGoingAway: isPeerGoingAway,
                keepaliveInterval: interval
            )
        }

        /// What happens until a time.
        func run(to time: Duration, hasCalls: Bool = false) -> [State.Action] {
            var actions: [State.Action] = []
            let end = MonotonicTime(nanoseconds: 0) + time
            while let next = state.nextDeadline, next <= end {
                now = max(now, next)
                actions += state.timeReached(now, hasCalls: hasCalls)
            }
            now = end
            return actions
        }

        func check(hasCalls: Bool, distrust: String? = nil) -> [State.Action] {
            state.check(at: now, hasCalls: hasCalls, distrust: distrust)
        }

        func goAway(
            _ code: HTTP2ErrorCode,
            _ debug: String = "",
            hasCalls: Bool = true
        ) -> [State.Action] {
            state.peerGoesAway(code, debug: debug, hasCalls: hasCalls)
        }

        func abandon(isOverdue: Bool, sentAt: MonotonicTime? = nil) -> [State.Action] {
            state.callAbandoned(at: now, isOverdue: isOverdue, sentAt: sentAt)
        }

        func drain(hasCalls: Bool) -> [State.Action] { state.drain(hasCalls: hasCalls) }

        func callEnded(hasCalls: Bool) -> [State.Action] {
            state.callEnded(at: now, hasCalls: hasCalls)
        }
    }

    // MARK: Opening

    @Test func connectionThatIsNotReadyInTimeIsClosed() {
        let driven = Driven { $0.readyTimeout = .seconds(10) }
        driven.state.handshakeCompleted()
        #expect(driven.run(to: .milliseconds(9999)) == [])
        #expect(driven.run(to: .seconds(10)) == [.close(.notReady(within: .seconds(10)))])
        #expect(driven.state.reason?.contains("not ready within") == true)
        #expect(!driven.state.wasReady)
    }

    @Test func connectionIsReadyOnceAndNotAfterAGoAway() {
        let driven = Driven()
        #expect(!driven.settings())
        driven.state.handshakeCompleted()
        #expect(!driven.settings(isPeerGoingAway: true))
        #expect(driven.settings())
        #expect(!driven.settings())
        #expect(driven.run(to: .seconds(3600)) == [])
    }

    // MARK: Silence

    @Test func silentPeerIsPingedAndLeft() {
        let driven = Driven.ready(pinging: .seconds(60)) { $0.keepalive.timeout = .seconds(20) }
        #expect(driven.run(to: .milliseconds(59_999), hasCalls: true) == [])
        #expect(driven.run(to: .seconds(60), hasCalls: true) == [.sendPing(1)])
        #expect(driven.run(to: .milliseconds(79_999), hasCalls: true) == [])
        #expect(driven.run(to: .seconds(80), hasCalls: true) == [.close(.silence(.seconds(20)))])
    }

    @Test func answerOrAnythingElseKeepsTheConnection() {
        let driven = Driven.ready(pinging: .seconds(60))
        #expect(driven.run(to: .seconds(60), hasCalls: true) == [.sendPing(1)])
        driven.state.received(at: driven.now)
        driven.state.pingAcknowledged()
        #expect(driven.run(to: .seconds(100), hasCalls: true) == [])
        driven.state.received(at: driven.now)
        // The silence is measured from the last byte.
        #expect(driven.run(to: .milliseconds(159_999), hasCalls: true) == [])
        #expect(driven.run(to: .seconds(160), hasCalls: true) == [.sendPing(2)])
    }

    @Test(arguments: [true, false])
    func idlePeerIsPingedOnlyIfPermitted(_ isPermitted: Bool) {
        let driven = Driven.ready(pinging: .seconds(60)) {
            $0.keepalive.permitsWithoutCalls = isPermitted
        }
        #expect(driven.run(to: .seconds(70)).isEmpty == !isPermitted)
    }

    @Test func withoutAnIntervalNobodyIsPinged() {
        let driven = Driven.ready()
        #expect(driven.run(to: .seconds(3600), hasCalls: true) == [])
    }

    @Test func overdueCallAsksForASignOfLife() {
        let driven = Driven.ready { $0.pingTimeout = .seconds(2) }
        #expect(driven.run(to: .seconds(5)) == [])
        #expect(driven.abandon(isOverdue: true) == [.sendPing(1)])
        // One question at a time.
        #expect(driven.abandon(isOverdue: true) == [])
        #expect(driven.run(to: .seconds(7)) == [.close(.silence(.seconds(2)))])
    }

    @Test func cancelledCallAsksOnlyIfNothingHasArrivedSince() {
        let driven = Driven.ready()
        _ = driven.run(to: .seconds(5))
        let sent = driven.now
        _ = driven.run(to: .seconds(6))
        driven.state.received(at: driven.now)
        #expect(driven.abandon(isOverdue: false, sentAt: sent) == [])
        #expect(driven.abandon(isOverdue: false) == [])
        _ = driven.run(to: .seconds(7))
        #expect(driven.abandon(isOverdue: false, sentAt: driven.now) == [.sendPing(1)])
    }

    // MARK: Draining

    @Test func drainingConnectionClosesWithItsLastCall() {
        let driven = Driven.ready()
        #expect(driven.drain(hasCalls: true) == [.reportDraining])
        #expect(driven.drain(hasCalls: true) == [])
        #expect(driven.callEnded(hasCalls: true) == [])
        #expect(driven.callEnded(hasCalls: false) == [.close(.drained)])
        #expect(driven.callEnded(hasCalls: false) == [])
    }

    @Test func withoutCallsItClosesAtOnce() {
        #expect(Driven.ready().drain(hasCalls: false) == [.reportDraining, .close(.drained)])
        #expect(Driven().drain(hasCalls: false) == [.close(.drainedBeforeReady)])
    }

    // MARK: What a GOAWAY means

    @Test func goAwayWithoutAnErrorIsADrain() {
        let driven = Driven.ready()
        #expect(driven.goAway(.noError) == [.reportDraining])
        #expect(driven.state.reason == nil)
    }

    @Test func tooManyPingsAreReported() {
        let driven = Driven.ready()
        let actions = driven.goAway(.enhanceYourCalm, "too_many_pings")
        #expect(actions == [.reportPingsRefused, .reportDraining])
        #expect(driven.state.reason?.hasSuffix("too_many_pings") == true)
    }

    @Test func peerWithoutRoomIsNotDialledAgainAtOnce() {
        let driven = Driven.ready()
        let actions = driven.goAway(.enhanceYourCalm, "too_many_connections", hasCalls: false)
        let reason = driven.state.reason ?? ""
        #expect(reason.contains("too_many_connections"))
        #expect(actions == [.reportCalm(reason), .reportDraining, .close(.drained)])
    }

    @Test func debugTextOfAPeerCannotForgeALine() {
        let driven = Driven.ready()
        _ = driven.goAway(.internalError, "gone\nall is well")
        #expect(driven.state.reason?.contains("\n") == false)
    }

    @Test func firstReasonCounts() {
        let driven = Driven.ready()
        _ = driven.goAway(.internalError, "first")
        _ = driven.goAway(.internalError, "second")
        _ = driven.state.close(because: "third")
        #expect(driven.state.reason?.hasSuffix("first") == true)
    }

    // MARK: Regular checks

    @Test func idleConnectionGivesMemoryBackAndIsDrained() {
        let driven = Driven.ready { $0.idleTimeout = .seconds(60) }
        _ = driven.run(to: .seconds(9))
        #expect(driven.check(hasCalls: false) == [])
        _ = driven.run(to: .seconds(10))
        #expect(driven.check(hasCalls: false) == [.releaseMemory])
        _ = driven.run(to: .seconds(60))
        #expect(driven.check(hasCalls: true) == [])
        #expect(driven.check(hasCalls: false) == [.reportDraining, .close(.drained)])
    }

    @Test func callsPostponeIdleness() {
        let driven = Driven.ready { $0.idleTimeout = .seconds(60) }
        _ = driven.run(to: .seconds(59))
        driven.state.callBegan(at: driven.now)
        _ = driven.run(to: .seconds(100))
        #expect(driven.check(hasCalls: false) == [.releaseMemory])
    }

    @Test func peerThatIsNotTrustedAnyMoreIsLeft() {
        let driven = Driven.ready()
        #expect(driven.check(hasCalls: true, distrust: "revoked") == [.reportDraining])
        #expect(
            driven.check(hasCalls: true, distrust: "revoked") == [.close(.untrusted("revoked"))]
        )
        #expect(driven.state.reason == "revoked")
    }
}
