// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers
import ChordTestSupport
import Testing

@testable import ChordRPC

@Suite("Responders", .tags(.unit))
struct ResponderTests {
    private let executor = ManualExecutor()
    private let sink = RecordingSink()

    private func makeResponder() -> Responder {
        ServerCall(
            deadline: nil,
            metadata: [],
            reply: [],
            context: ServerCallContext(peer: .member("n2"), executor: executor, sink: sink),
            stream: 5
        ).makeResponder()
    }

    @Test func onlyTheFirstAnswerIsUsed() {
        let responder = makeResponder()
        responder.succeed([1])
        responder.succeed([2])
        responder.fail(Status(.aborted))
        // Off the executor, the answer waits until the executor runs.
        #expect(sink.events == ["deferred 5"])
        executor.drain()
        #expect(sink.events == ["deferred 5", "finished 5 OK [1]"])
        #expect(responder.state.isFinished)
    }

    @Test func answerOnTheExecutorIsDeliveredImmediately() {
        let responder = makeResponder()
        executor.run { [sink] in
            responder.accept()
            #expect(sink.events == ["deferred 5", "accepted 5"])
            responder.fail(Status(.notFound, "no"))
            #expect(sink.events.last == "finished 5 NOT_FOUND: no nothing")
            responder.accept()
        }
        #expect(sink.events.count == 3)
    }

    @Test func droppedResponderFailsTheCall() {
        _ = makeResponder()
        executor.drain()
        #expect(
            sink.events.last == "finished 5 INTERNAL: the handler ended without an answer nothing"
        )
    }

    @Test func responderThatAnsweredIsDroppedWithoutEffect() {
        makeResponder().succeed([])
        executor.drain()
        #expect(sink.events == ["deferred 5", "finished 5 OK []"])
    }

    @Test func cancellationIsReportedOnce() throws {
        let cancelled = NIOLockedValueBox(0)
        let responder = makeResponder()
        responder.onCancel { cancelled.withLockedValue { $0 += 1 } }
        let call = try #require(sink.call)
        call.cancel()
        call.cancel()
        #expect(cancelled.withLockedValue { $0 } == 1)
        // The handler can still answer; the connection ignores it.
        responder.succeed([1])
        executor.drain()
        #expect(sink.events.last == "finished 5 OK [1]")
    }

    @Test func lateCancellationHandlerRunsImmediately() throws {
        let cancelled = NIOLockedValueBox(0)
        let responder = makeResponder()
        try #require(sink.call).cancel()
        responder.onCancel { cancelled.withLockedValue { $0 += 1 } }
        #expect(cancelled.withLockedValue { $0 } == 1)
        responder.fail(Status(.cancelled))
    }

    @Test func answeredCallIsNotCancelled() throws {
        let responder = makeResponder()
        responder.onCancel { Issue.record("cancelled after the answer") }
        responder.succeed([])
        try #require(sink.call).cancel()
        responder.onCancel { Issue.record("cancelled after the answer") }
    }
}
