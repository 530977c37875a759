// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordIdentity
import ChordRPC
import NIOConcurrencyHelpers
import ChordTestSupport
import Testing

@testable import ChordRuntime

@Suite("Calls to peers", .tags(.unit))
struct PeersTests {
    // MARK: Round trips

    @Test("The first round trip gives srtt + 4 · variance, with half of it as variance")
    func firstSample() {
        let times = RoundTripTimes(limits: FailureDetection())
        times.record(.milliseconds(100), of: "a")
        #expect(times.allowance(for: "a", floor: .zero) == .milliseconds(300))
    }

    @Test("Steady round trips lower the peer timeout to them, but not below the floor")
    func steady() {
        let times = RoundTripTimes(limits: FailureDetection())
        for _ in 0..<200 { times.record(.milliseconds(40), of: "a") }
        let allowance = times.allowance(for: "a", floor: .zero)
        #expect(allowance >= .milliseconds(39))
        #expect(allowance < .milliseconds(45))
        #expect(times.allowance(for: "a", floor: .milliseconds(100)) == .milliseconds(100))
    }

    @Test("Varying round trips get a peer timeout above their mean")
    func restless() {
        let times = RoundTripTimes(limits: FailureDetection())
        for index in 0..<200 { times.record(.milliseconds(index % 2 == 0 ? 20 : 180), of: "a") }
        #expect(times.allowance(for: "a", floor: .zero) > .milliseconds(300))
    }

    @Test(
        "The peer timeout never exceeds the cap",
        arguments: [Duration.seconds(10), .seconds(1 << 40)]
    )
    func cap(sample: Duration) {
        let limits = FailureDetection()
        let times = RoundTripTimes(limits: limits)
        times.record(sample, of: "a")
        #expect(times.allowance(for: "a", floor: .zero) == limits.cap)
        #expect(times.allowance(for: "stranger", floor: .seconds(9)) == limits.cap)
    }

    @Test("An unknown peer gets the initial timeout, or the floor if that is higher")
    func stranger() {
        let limits = FailureDetection()
        let times = RoundTripTimes(limits: limits)
        #expect(times.allowance(for: "b", floor: .zero) == limits.initial)
        #expect(times.allowance(for: "b", floor: .seconds(1)) == .seconds(1))
    }

    @Test("A clock that goes back and very many peers are harmless")
    func bounds() {
        let times = RoundTripTimes(limits: FailureDetection())
        times.record(.seconds(-5), of: "a")
        #expect(times.allowance(for: "a", floor: .milliseconds(1)) == .milliseconds(1))
        for index in 0..<10_000 { times.record(.milliseconds(1), of: "\(index)") }
        #expect(times.count <= 4096)
    }

    // MARK: The watch

    /// A transport whose calls a test ends by hand.
    private final class HandTransport: ClientTransport {
        final class Handle: ClientCallHandle {
            let cancelled = NIOLockedValueBox(0)
            func cancel() { cancelled.withLockedValue { $0 += 1 } }
        }

        let observers = NIOLockedValueBox<[any ClientCallObserver]>([])
        let handle = Handle()

        func resetBackoff(of address: String) {}

        func start(
            _ call: ClientCall,
            on executor: any NodeExecutor,
            observer: any ClientCallObserver
        ) -> any ClientCallHandle {
            observers.withLockedValue { $0.append(observer) }
            return handle
        }
    }

    private final class Watch: Sendable {
        let executor = ManualExecutor()
        let transport = HandTransport()
        let results = NIOLockedValueBox<[ClientResult]>([])
        let limits = FailureDetection()
        let peers: PeerCalls

        init() throws {
            // A node's own, which never becomes a member and so makes no calls of itself.
            let ring = InProcessRing()
            let shell = NodeShell(
                configuration: RuntimeConfiguration(
                    name: "x",
                    address: "x:1",
                    parameters: ring.parameters(ring.settings),
                    hash: ring.settings.hash
                ),
                executor: executor,
                transport: transport,
                logger: CapturedLog().logger
            )
            peers = shell.peers
        }

        func start() -> any ClientCallObserver {
            executor.run {
                _ = peers.call(
                    ChordMethods.notify,
                    at: PeerTarget(bootstrap: "a:1"),
                    message: [],
                    deadline: executor.now + .seconds(60),
                    floor: .milliseconds(100),
                    on: executor
                ) { [results] result in results.withLockedValue { $0.append(result) } }
            }
            return transport.observers.withLockedValue { $0[$0.count - 1] }
        }

        var codes: [StatusCode] { results.withLockedValue { $0.map(\.status.code) } }
        var cancelled: Int { transport.handle.cancelled.withLockedValue { $0 } }
    }

    @Test("Without a connection the call ends after the connect limit")
    func noConnection() throws {
        let watch = try Watch()
        _ = watch.start()
        watch.executor.run(for: watch.limits.connect - .nanoseconds(1))
        #expect(watch.codes.isEmpty)
        watch.executor.run(for: .nanoseconds(1))
        #expect(watch.codes == [.unavailable])
        #expect(watch.cancelled == 1)
        #expect(watch.results.withLockedValue { $0[0].status.origin } == .silence)
    }

    @Test("A call without an answer ends after the peer timeout")
    func silence() throws {
        let watch = try Watch()
        let observer = watch.start()
        watch.executor.run(for: .milliseconds(900))
        watch.executor.run { observer.callSent() }
        watch.executor.run(for: watch.limits.initial - .nanoseconds(1))
        #expect(watch.codes.isEmpty)
        watch.executor.run(for: .nanoseconds(1))
        #expect(watch.codes == [.unavailable])
        // What comes later counts for nothing.
        watch.executor.run {
            observer.callAccepted([])
            observer.callFinished(ClientResult(status: .ok))
        }
        #expect(watch.codes.count == 1)
        #expect(watch.executor.timerCount == 0)
    }

    @Test("An accepted call has no peer timeout, and its round trip is measured")
    func accepted() throws {
        let watch = try Watch()
        let observer = watch.start()
        watch.executor.run { observer.callSent() }
        watch.executor.run(for: .milliseconds(200))
        watch.executor.run { observer.callAccepted([]) }
        watch.executor.run(for: .seconds(50))
        #expect(watch.codes.isEmpty)
        #expect(watch.peers.times.allowance(for: "a:1", floor: .zero) == .milliseconds(600))
        watch.executor.run { observer.callFinished(ClientResult(status: .ok)) }
        #expect(watch.codes == [.ok])
        #expect(watch.executor.timerCount == 0)
    }

    @Test("An answer counts as acceptance; a local failure does not")
    func answerAccepts() throws {
        let watch = try Watch()
        let first = watch.start()
        watch.executor.run { first.callSent() }
        watch.executor.run(for: .milliseconds(10))
        watch.executor.run {
            first.callFinished(
                ClientResult(status: Status(.deadlineExceeded, "", origin: .local))
            )
        }
        #expect(watch.peers.times.count == 0)
        let second = watch.start()
        watch.executor.run { second.callSent() }
        watch.executor.run(for: .milliseconds(10))
        watch.executor.run { second.callFinished(ClientResult(status: Status(.aborted))) }
        #expect(watch.peers.times.count == 1)
        #expect(watch.codes == [.deadlineExceeded, .aborted])
        #expect(watch.executor.timerCount == 0)
    }

    @Test("An ended call is released")
    func released() throws {
        let watch = try Watch()
        weak var weakCall: (any ClientCallObserver)?
        do {
            let observer = watch.start()
            weakCall = observer
            watch.executor.run { observer.callFinished(ClientResult(status: .ok)) }
            watch.transport.observers.withLockedValue { $0 = [] }
        }
        #expect(weakCall == nil)
    }
}
