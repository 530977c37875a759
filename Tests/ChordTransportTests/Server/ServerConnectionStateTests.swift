// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordIdentity
import ChordRPC
import ChordTestSupport
import Testing

@testable import ChordTransport

/// What a server decides about a connection, without a connection and without waiting.
@Suite("The state of a server's connection", .tags(.unit))
struct ServerConnectionStateTests {
    private typealias State = ServerConnectionState
    private typealias Seen = ServerConnectionState.Observation

    /// A state with a clock, which is moved to the state's deadlines one after the other.
    private final class Driven {
        var state: State
        private(set) var now = MonotonicTime(nanoseconds: 0)
        let start = MonotonicTime(nanoseconds: 0)

        init(_ configuration: TransportConfiguration = TransportConfiguration()) {
            state = State(configuration, at: now)
        }

        /// An open connection at time zero.
        static func open(
            _ change: (inout TransportConfiguration.Server) -> Void = { _ in }
        ) -> Driven {
            var configuration = TransportConfiguration()
            change(&configuration.server)
            let driven = Driven(configuration)
            driven.state.handshakeCompleted(at: driven.now)
            driven.state.settingsReceived(
                at: driven.now,
                openStreams: 0,
                bytesReceived: 0,
                ageFactor: 1
            )
            return driven
        }

        /// What happens until a time.
        func run(to time: Duration, _ seen: Seen = Seen()) -> [State.Action] {
            var actions: [State.Action] = []
            let end = start + time
            while let next = state.nextDeadline, next <= end {
                now = max(now, next)
                actions += state.timeReached(now, seen)
            }
            now = end
            return actions
        }

        func headersIncomplete(_ block: UInt64?) -> Bool {
            state.headersIncomplete(block, at: now)
        }

        func close() -> Bool { state.close() }

        func acknowledge(_ ping: UInt64, bytesReceived: UInt64 = 0) -> [State.Action] {
            state.pingAcknowledged(ping, at: now, bytesReceived: bytesReceived)
        }
    }

    private static let busy = Seen(hasCalls: true, openStreams: 1)

    // MARK: Opening

    @Test func clientWithoutSettingsIsClosed() {
        let driven = Driven()
        driven.state.handshakeCompleted(at: driven.now)
        #expect(driven.run(to: .milliseconds(9999)) == [])
        #expect(driven.run(to: .seconds(10)) == [.close(.settingsTimeout)])
        #expect(driven.state.phase == .closed)
        #expect(driven.state.nextDeadline == nil)
    }

    @Test func onlyTheFirstSettingsOpenAConnection() {
        let driven = Driven.open()
        #expect(driven.state.phase == .open)
        _ = driven.state.drain(at: driven.now)
        driven.state.settingsReceived(
            at: driven.now,
            openStreams: 0,
            bytesReceived: 0,
            ageFactor: 1
        )
        #expect(driven.state.phase == .draining)
    }

    // MARK: Idleness

    @Test func idleConnectionIsDrained() {
        let driven = Driven.open { $0.idleTimeout = .seconds(60) }
        #expect(driven.run(to: .seconds(59)) == [.releaseMemory])
        let drained = driven.run(to: .seconds(60))
        #expect(drained == [.sendShutdownNotice, .sendPing(State.drainPing)])
        #expect(driven.state.phase == .draining)
    }

    @Test func callsPostponeIdleness() {
        let driven = Driven.open { $0.idleTimeout = .seconds(60) }
        for minute in 1...5 {
            #expect(!driven.run(to: .seconds(59 * minute)).contains(.sendShutdownNotice))
            driven.state.callsBegan(at: driven.now)
        }
        #expect(driven.state.phase == .open)
    }

    @Test func connectionWithAnOpenStreamIsNotIdle() {
        let driven = Driven.open { $0.idleTimeout = .seconds(60) }
        let actions = driven.run(to: .seconds(600), Seen(openStreams: 1))
        #expect(!actions.contains(.sendShutdownNotice))
        #expect(!actions.contains(.releaseMemory))
    }

    // MARK: Draining

    @Test func answerToThePingEndsTheShutdownNotice() {
        let driven = Driven.open()
        #expect(
            driven.state.drain(at: driven.now) == [.sendShutdownNotice, .sendPing(State.drainPing)]
        )
        #expect(driven.state.drain(at: driven.now) == [])
        #expect(driven.acknowledge(State.drainPing) == [.sendFinalGoAway])
        #expect(driven.acknowledge(State.drainPing) == [])
        #expect(!driven.run(to: .seconds(60), Self.busy).contains(.sendFinalGoAway))
    }

    @Test func withoutAnAnswerTheShutdownNoticeEndsByItself() {
        let driven = Driven.open()
        _ = driven.state.drain(at: driven.now)
        #expect(driven.run(to: .milliseconds(999)) == [])
        #expect(driven.run(to: .seconds(1)) == [.sendFinalGoAway])
        #expect(driven.acknowledge(State.drainPing) == [])
    }

    @Test func connectionThatNeverOpenedClosesInsteadOfDraining() {
        let driven = Driven()
        driven.state.handshakeCompleted(at: driven.now)
        #expect(driven.state.drain(at: driven.now) == [.close(.neverOpened)])
        #expect(!driven.close())
    }

    // MARK: Keepalive

    @Test func silentClientWithACallIsPingedAndClosed() {
        let driven = Driven.open { $0.keepalive.interval = .seconds(7) }
        #expect(driven.run(to: .seconds(7), Self.busy).contains(.sendPing(State.keepalivePing)))
        #expect(!driven.run(to: .seconds(26), Self.busy).contains(.close(.silence)))
        #expect(driven.run(to: .seconds(27), Self.busy) == [.close(.silence)])
    }

    @Test func answerToThePingStartsTheIntervalAgain() {
        let driven = Driven.open { $0.keepalive.interval = .seconds(7) }
        var pings = 0
        for second in 1...70 {
            let actions = driven.run(to: .seconds(second), Self.busy)
            guard actions.contains(.sendPing(State.keepalivePing)) else { continue }
            pings += 1
            _ = driven.acknowledge(State.keepalivePing)
        }
        #expect(pings == 10)
        #expect(driven.state.phase == .open)
    }

    @Test func clientThatSendsOrHasNoCallIsNotPinged() {
        let driven = Driven.open { $0.keepalive.interval = .seconds(7) }
        for second in 1...70 {
            var seen = Self.busy
            seen.bytesReceived = UInt64(second)
            let actions = driven.run(to: .seconds(second), seen)
            #expect(!actions.contains(.sendPing(State.keepalivePing)))
        }
        let actions = driven.run(to: .seconds(140))
        #expect(!actions.contains(.sendPing(State.keepalivePing)))
    }

    // MARK: Age

    @Test func connectionIsDrainedAtItsAgeAndClosedAfterTheGrace() {
        let driven = Driven.open {
            $0.keepalive.maxAge = .seconds(100)
            $0.keepalive.maxAgeGrace = .seconds(50)
        }
        #expect(!driven.run(to: .milliseconds(99_999), Self.busy).contains(.sendShutdownNotice))
        #expect(driven.run(to: .seconds(100), Self.busy).contains(.sendShutdownNotice))
        #expect(!driven.run(to: .milliseconds(149_999), Self.busy).contains(.close(.graceOver)))
        #expect(driven.run(to: .seconds(150), Self.busy) == [.close(.graceOver)])
    }

    @Test(arguments: [0.9, 1.1])
    func ageIsMultipliedByItsFactor(_ factor: Double) {
        var configuration = TransportConfiguration()
        configuration.server.keepalive.maxAge = .seconds(10)
        var state = State(configuration, at: MonotonicTime(nanoseconds: 0))
        state.handshakeCompleted(at: MonotonicTime(nanoseconds: 0))
        state.settingsReceived(
            at: MonotonicTime(nanoseconds: 0),
            openStreams: 0,
            bytesReceived: 0,
            ageFactor: factor
        )
        #expect(state.nextDeadline == MonotonicTime(nanoseconds: Int64(1e10 * factor)))
    }

    // MARK: Trust

    @Test func clientThatIsNotTrustedAnyMoreIsDrainedAndThenClosed() {
        let reason = Status(.unauthenticated, "revoked")
        let seen = Seen(hasCalls: true, openStreams: 1, distrust: reason)
        let driven = Driven.open { $0.stallTimeout = .seconds(60) }
        let first = driven.run(to: .seconds(30), seen)
        #expect(first == [.logDistrust(reason), .sendShutdownNotice, .sendPing(State.drainPing)])
        // The end of the notice is no check yet.
        #expect(driven.run(to: .seconds(31), seen) == [.sendFinalGoAway])
        #expect(
            driven.run(to: .seconds(60), seen) == [.logDistrust(reason), .close(.untrusted)]
        )
    }

    @Test(arguments: [(999, false), (1000, false), (1001, true)] as [(UInt64, Bool)])
    func certificateExpiresWithItsLastSecond(_ second: UInt64, _ isExpired: Bool) {
        var peer = PeerIdentity.testNode("n1")
        peer.notAfter = 1000
        #expect(PeerTrust.isExpired(peer, second * 1000) == isExpired)
    }

    // MARK: Stalls

    /// The times follow the configuration: a request has at most the stall timeout, seen from six checks.
    @Test func slowRequestsAndStalledStreamsAreGivenUpInTime() {
        let driven = Driven.open { $0.stallTimeout = .seconds(30) }
        _ = driven.run(to: .seconds(30), Self.busy)
        let actions = driven.run(to: .seconds(35), Self.busy)
        let limit = MonotonicTime(nanoseconds: 10_000_000_000)
        #expect(actions == [.abandonRequests(begunBy: limit), .resetStreams(stalledSince: limit)])
    }

    @Test func clientThatTakesNothingAtAllIsClosed() {
        let driven = Driven.open { $0.stallTimeout = .seconds(30) }
        var seen = Self.busy
        seen.hasWaitingOutput = true
        seen.bytesSent = 100
        let actions = driven.run(to: .seconds(100), seen)
        #expect(actions.last == .close(.outputStalled))
    }

    @Test func clientThatTakesSomethingNowAndThenIsNotStalled() {
        let driven = Driven.open { $0.stallTimeout = .seconds(30) }
        for step in 1...50 {
            var seen = Self.busy
            seen.hasWaitingOutput = true
            seen.bytesSent = UInt64(step)
            #expect(!driven.run(to: .seconds(step * 20), seen).contains(.close(.outputStalled)))
        }
    }

    @Test func incompleteHeaderBlockHasItsTime() {
        let driven = Driven.open()
        #expect(driven.headersIncomplete(1))
        #expect(!driven.headersIncomplete(1))
        _ = driven.run(to: .milliseconds(9999), Self.busy)
        // The next block has a time of its own.
        #expect(driven.headersIncomplete(2))
        #expect(!driven.run(to: .seconds(19), Self.busy).contains(.close(.headerTimeout)))
        #expect(!driven.headersIncomplete(nil))
        #expect(!driven.run(to: .seconds(25), Self.busy).contains(.close(.headerTimeout)))
        #expect(driven.headersIncomplete(3))
        #expect(driven.run(to: .seconds(35), Self.busy).contains(.close(.headerTimeout)))
        #expect(driven.state.phase == .closed)
    }

    // MARK: Abuse

    private static func excess(_ change: (inout HTTP2Counters) -> Void) -> TransportLimit? {
        var counters = HTTP2Counters()
        change(&counters)
        var state = State(TransportConfiguration(), at: MonotonicTime(nanoseconds: 0))
        return state.abuse.excess(of: counters, at: MonotonicTime(nanoseconds: 0))?.limit
    }

    @Test func floodsAreReported() {
        #expect(Self.excess { _ in } == nil)
        #expect(Self.excess { $0.resetsSent = 1_000_000 } == .resetsSent)
        #expect(Self.excess { $0.controlFramesReceived = 1_000_000 } == .controlFrames)
        #expect(Self.excess { $0.emptyDataReceived = 1_000_000 } == .emptyData)
        #expect(Self.excess { $0.pingsReceived = 4 } == .pings)
    }

    @Test func resetsOfRefusedCallsAreForgiven() {
        var counters = HTTP2Counters()
        counters.resetsSent = 1_000_000
        let now = MonotonicTime(nanoseconds: 0)
        var state = State(TransportConfiguration(), at: now)
        state.abuse.resetsForgiven = 1_000_000
        let excess = state.abuse.excess(of: counters, at: now)
        #expect(excess == nil)
    }

    @Test func refusalsAreReportedOnce() {
        var counters = HTTP2Counters()
        var state = State(TransportConfiguration(), at: MonotonicTime(nanoseconds: 0))
        counters.headerListsRefused = 3
        let first = state.abuse.newRefusals(in: counters)
        #expect(first.first { $0.0 == .headers }?.1 == 3)
        let second = state.abuse.newRefusals(in: counters)
        #expect(second.isEmpty)
    }
}
