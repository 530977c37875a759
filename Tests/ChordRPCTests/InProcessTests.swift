// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import NIOConcurrencyHelpers
import ChordTestSupport
import Testing

@testable import ChordRPC

/// The in-process transport, on executors whose clocks a test moves.
@Suite("Calls in process", .tags(.interaction))
struct InProcessTests {
    private let network = InProcessNetwork()
    private let caller = ManualExecutor(
        startingAt: MonotonicTime(nanoseconds: 1_000_000_000_000)
    )
    private let server = ManualExecutor()
    private let recorder = Recorder()

    private static func method(_ name: String) -> RPCMethod {
        RPCMethod(service: "test.Service", name: name, callers: .nodes)
    }

    private func serve(_ handler: @escaping UnaryHandler) {
        let router = Router([ServiceMethod(Self.method("One"), handler)])
        network.listen(
            address: "there:1",
            router: router,
            identity: .member("n1"),
            executor: server
        )
    }

    @discardableResult
    private func start(
        _ name: String = "One",
        at address: String = "there:1",
        as identity: PeerIdentity = .member("n2"),
        expecting expected: ExpectedPeer = ExpectedPeer(name: "n1"),
        within time: Duration = .seconds(5)
    ) -> any ClientCallHandle {
        let call = ClientCall(
            target: PeerTarget(address: address, expected: expected),
            method: Self.method(name),
            message: [1],
            deadline: caller.now + time
        )
        return network.transport(identity: identity).start(call, on: caller, observer: recorder)
    }

    private func runBoth() {
        for _ in 0..<4 {
            caller.drain()
            server.drain()
        }
        caller.drain()
    }

    @Test func callStartsWhenTheExecutorsRun() {
        serve { request, call in
            call.reply.append(contentsOf: request)
            return .replied
        }
        start()
        #expect(recorder.events.isEmpty)
        runBoth()
        #expect(recorder.events == ["sent", "finished"])
        #expect(recorder.result?.message == [1])
        #expect(recorder.result?.peer?.name == "n1")
        // The timer of the deadline goes with the call.
        #expect(caller.timerCount == 0)
    }

    @Test func handlerSeesTheIdentityOfTheTransport() {
        serve { _, call in
            #expect(call.peer.name == "n7")
            return .replied
        }
        start(as: .member("n7"))
        runBoth()
        #expect(recorder.result?.status == .ok)
    }

    @Test func deadlineIsSentAsRemainingTime() {
        serve { _, call in
            #expect(call.deadline == MonotonicTime(nanoseconds: 5_000_000_000))
            return .replied
        }
        start(within: .seconds(5))
        runBoth()
        #expect(recorder.result?.status == .ok)
    }

    @Test func acceptanceIsReportedOnceBeforeTheEnd() throws {
        let kept = NIOLockedValueBox<Responder?>(nil)
        serve { _, call in
            let responder = call.makeResponder()
            responder.accept()
            responder.accept()
            kept.withLockedValue { $0 = responder }
            return .deferred
        }
        start()
        runBoth()
        #expect(recorder.events == ["sent", "accepted"])
        try #require(kept.withLockedValue { $0 }).succeed([4])
        runBoth()
        #expect(recorder.events == ["sent", "accepted", "finished"])
        #expect(recorder.result?.message == [4])
    }

    @Test func acceptanceIsReportedBeforeAnImmediateAnswer() {
        serve { _, call in
            let responder = call.makeResponder()
            responder.accept()
            responder.succeed([4])
            return .deferred
        }
        start()
        runBoth()
        #expect(recorder.events == ["sent", "accepted", "finished"])
    }

    @Test func deadlineEndsTheCallOnBothSides() {
        let cancelled = NIOLockedValueBox(0)
        let kept = NIOLockedValueBox<[Responder]>([])
        serve { _, call in
            let responder = call.makeResponder()
            responder.onCancel { cancelled.withLockedValue { $0 += 1 } }
            kept.withLockedValue { $0.append(responder) }
            return .deferred
        }
        start(within: .seconds(5))
        runBoth()
        caller.run(for: .milliseconds(4999))
        runBoth()
        #expect(recorder.events == ["sent"])
        caller.run(for: .milliseconds(1))
        runBoth()
        #expect(recorder.events == ["sent", "finished"])
        #expect(recorder.result?.status.code == .deadlineExceeded)
        #expect(recorder.result?.status.origin == .local)
        #expect(cancelled.withLockedValue { $0 } == 1)
        // A later answer is ignored.
        for responder in kept.withLockedValue({ $0 }) { responder.succeed([1]) }
        runBoth()
        #expect(recorder.events == ["sent", "finished"])
    }

    @Test func cancellationEndsTheCallOnBothSides() {
        let cancelled = NIOLockedValueBox(0)
        let kept = NIOLockedValueBox<[Responder]>([])
        serve { _, call in
            let responder = call.makeResponder()
            responder.onCancel { cancelled.withLockedValue { $0 += 1 } }
            kept.withLockedValue { $0.append(responder) }
            return .deferred
        }
        let handle = start()
        runBoth()
        handle.cancel()
        handle.cancel()
        #expect(recorder.events == ["sent"])
        runBoth()
        #expect(recorder.events == ["sent", "finished"])
        #expect(recorder.result?.status.code == .cancelled)
        #expect(recorder.result?.status.origin == .local)
        #expect(cancelled.withLockedValue { $0 } == 1)
        #expect(caller.timerCount == 0)
        for responder in kept.withLockedValue({ $0 }) { responder.fail(Status(.aborted)) }
    }

    @Test func callCancelledEarlyDoesNotReachTheHandler() {
        serve { _, _ in
            Issue.record("the handler ran")
            return .replied
        }
        start().cancel()
        runBoth()
        #expect(recorder.events == ["finished"])
        #expect(recorder.result?.status.code == .cancelled)
    }

    @Test func missingPeerIsReportedAsUnavailable() {
        start(at: "elsewhere:1")
        #expect(recorder.events.isEmpty)
        runBoth()
        #expect(recorder.events == ["finished"])
        #expect(recorder.result?.status.code == .unavailable)
        #expect(recorder.result?.status.origin == .transport)
        #expect(recorder.result?.peer == nil)
    }

    @Test func closedPeerIsUnavailable() {
        serve { _, _ in .replied }
        network.close(address: "there:1")
        start()
        runBoth()
        #expect(recorder.result?.status.code == .unavailable)
    }

    @Test func unexpectedPeerIsNotCalled() {
        serve { _, _ in
            Issue.record("the handler ran")
            return .replied
        }
        start(expecting: ExpectedPeer(name: "n9"))
        runBoth()
        #expect(recorder.result?.status.code == .unavailable)
        #expect(recorder.result?.status.origin == .transport)
        #expect(recorder.result?.status.message.contains("wrongName") == true)
    }

    @Test func roleWithoutPermissionIsDenied() {
        serve { _, _ in .replied }
        start(as: .member("alice", .client))
        runBoth()
        #expect(recorder.result?.status.code == .permissionDenied)
        #expect(recorder.result?.status.origin == .peer)
    }

    @Test func unknownMethodIsUnimplemented() {
        serve { _, _ in .replied }
        start("Two")
        runBoth()
        #expect(recorder.result?.status.code == .unimplemented)
    }

    @Test func asyncHandlerRunsOnItsExecutor() {
        let method = ServiceMethod(Self.method("One"), on: server) {
            [server] request, peer throws(Status) in
            await Task.yield()
            guard server.isCurrent else { throw Status(.aborted, "off its executor") }
            guard request == [1] else { throw Status(.invalidArgument) }
            return Array((peer.name ?? "").utf8)
        }
        network.listen(
            address: "there:1",
            router: Router([method]),
            identity: .member("n1"),
            executor: server
        )
        start()
        runBoth()
        #expect(recorder.result?.status == .ok)
        #expect(recorder.result?.message == Array("n2".utf8))
    }

    @Test func cancellationReachesTheTaskOfAnAsyncHandler() {
        let steps = NIOLockedValueBox<[String]>([])
        let gate = NIOLockedValueBox<CheckedContinuation<Void, Never>?>(nil)
        let method = ServiceMethod(Self.method("One"), on: server) { _, _ throws(Status) in
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    steps.withLockedValue { $0.append("waits") }
                    gate.withLockedValue { $0 = continuation }
                }
            } onCancel: {
                steps.withLockedValue { $0.append("cancelled") }
                gate.withLockedValue { $0.take() }?.resume()
            }
            steps.withLockedValue { $0.append("ends") }
            return []
        }
        network.listen(
            address: "there:1",
            router: Router([method]),
            identity: .member("n1"),
            executor: server
        )
        let handle = start()
        runBoth()
        #expect(steps.withLockedValue { $0 } == ["waits"])
        handle.cancel()
        runBoth()
        #expect(steps.withLockedValue { $0 } == ["waits", "cancelled", "ends"])
        #expect(recorder.events == ["sent", "accepted", "finished"])
        #expect(recorder.result?.status.code == .cancelled)
    }
}
