// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
import NIOConcurrencyHelpers
import ChordTestSupport
import Testing

@testable import ChordTransport

/// What a call means, whatever carries it.
@Suite("Unary calls", .tags(.network), .timeLimit(.minutes(5)))
struct CallMeaningTests {
    static let kinds = TransportKind.allCases

    // MARK: Answers

    @Test(arguments: kinds, [0, 1, 16 << 10, 1 << 20])
    func synchronousHandlerAnswers(_ kind: TransportKind, bytes: Int) async throws {
        var router = Router()
        router.register(TestMethod.echo) { request, call in
            call.reply.append(contentsOf: request)
            return .replied
        }
        let message = (0..<bytes).map { UInt8(truncatingIfNeeded: $0) }
        try await kind.run(router) { tested in
            let result = await tested.call(TestMethod.echo, message)
            #expect(result.status == .ok)
            #expect(result.message == message)
            #expect(result.peer?.name == "n1")
        }
    }

    @Test(arguments: kinds)
    func deferredHandlerAnswersLater(_ kind: TransportKind) async throws {
        var router = Router()
        router.register(TestMethod.named("Later")) { request, call in
            let bytes = [UInt8](request)
            let responder = call.makeResponder()
            _ = call.executor.schedule(after: .milliseconds(5)) {
                var trailers = Metadata()
                trailers.append("hops", "3")
                responder.succeed(bytes + [9], trailers: trailers)
            }
            return .deferred
        }
        try await kind.run(router) { tested in
            let result = await tested.call(TestMethod.named("Later"), [1])
            #expect(result.status == .ok)
            #expect(result.message == [1, 9])
            #expect(result.trailers["hops"] == Array("3".utf8))
        }
    }

    @Test("A status says whether a write may have happened", arguments: kinds, [false, true])
    func reasonOfAWriteInDoubtReachesTheCaller(
        _ kind: TransportKind,
        isAccepted: Bool
    ) async throws {
        let inDoubt = Status(.unavailable, "no answer from n2", reason: .mayHaveHappened)
        var router = Router()
        router.register(TestMethod.named("Doubt")) { _, call in
            guard isAccepted else { return .failed(inDoubt) }
            let responder = call.makeResponder()
            responder.accept()
            responder.fail(inDoubt)
            return .deferred
        }
        router.register(TestMethod.named("NoDoubt")) { _, call in
            .failed(Status(.unavailable, "no leader"))
        }
        try await kind.run(router) { tested in
            let doubt = await tested.call(TestMethod.named("Doubt"))
            #expect(doubt.status == inDoubt)
            let noDoubt = await tested.call(TestMethod.named("NoDoubt"))
            #expect(noDoubt.status.reason == nil)
        }
    }

    @Test(arguments: kinds)
    func deferredHandlerCanAnswerAtOnce(_ kind: TransportKind) async throws {
        var router = Router()
        router.register(TestMethod.named("Now")) { request, call in
            call.makeResponder().succeed([7])
            return .deferred
        }
        try await kind.run(router) { tested in
            for _ in 0..<3 {
                let result = await tested.call(TestMethod.named("Now"))
                #expect(result.status == .ok)
                #expect(result.message == [7])
            }
        }
    }

    @Test(arguments: kinds)
    func answerCanComeFromAnyThread(_ kind: TransportKind) async throws {
        var router = Router()
        router.register(TestMethod.named("Elsewhere")) { _, call in
            let responder = call.makeResponder()
            elsewhereExecutors.all[0].execute { responder.succeed([4]) }
            return .deferred
        }
        try await kind.run(router) { tested in
            #expect(await tested.call(TestMethod.named("Elsewhere")).message == [4])
        }
    }

    @Test(arguments: kinds)
    func asyncHandlerAnswers(_ kind: TransportKind) async throws {
        var router = Router()
        router.register(TestMethod.named("Async"), on: testExecutors.all[1]) {
            request,
            peer throws(Status) in
            await Task.yield()
            guard let name = peer.name else { throw Status(.unauthenticated) }
            return request + Array(name.utf8)
        }
        try await kind.run(router) { tested in
            let result = await tested.call(TestMethod.named("Async"), [1])
            #expect(result.message == [1] + Array("alice".utf8))
        }
    }

    @Test(arguments: kinds)
    func metadataAndDeadlineReachTheHandler(_ kind: TransportKind) async throws {
        let seen = NIOLockedValueBox<(Metadata, Duration?)>(([], nil))
        var router = Router()
        router.register(TestMethod.named("Look")) { _, call in
            let left = call.deadline.map { $0 - call.executor.now }
            seen.withLockedValue { [metadata = call.metadata] in $0 = (metadata, left) }
            return .replied
        }
        var metadata = Metadata()
        metadata.append("trace", "abc")
        metadata.entries.append(.init(name: "blob-bin", value: [0, 255, 10]))
        metadata.append("trace", "def")
        try await kind.run(router) { [metadata] tested in
            let result = await tested.call(
                TestMethod.named("Look"),
                within: .seconds(20),
                metadata: metadata
            )
            #expect(result.status == .ok)
        }
        let (arrived, left) = seen.withLockedValue { $0 }
        #expect(arrived == metadata)
        let remaining = try #require(left)
        #expect(remaining > .seconds(1) && remaining <= .seconds(20))
    }

    /// A method of one message each way may be served as a stream, which its caller does not see.
    @Test(arguments: kinds)
    func initialMetadataReachesTheClient(_ kind: TransportKind) async throws {
        var router = Router()
        let metadata: Metadata = [.init(name: "ahead", value: Array("1".utf8))]
        router.register(TestMethod.named("Stream"), on: nil) { stream throws(Status) in
            try stream.sendHeaders(metadata)
            try await stream.send([5])
            return []
        }
        try await kind.run(router) { tested in
            let (observer, _) = await tested.observe(TestMethod.named("Stream"))
            var accepted: [Metadata] = []
            var message: [UInt8]?
            for await event in observer.events {
                switch event {
                case .sent: break
                case .accepted(let came): accepted.append(came)
                case .finished(let result): message = result.message
                }
            }
            #expect(accepted == [metadata])
            #expect(message == [5])
        }
    }

    // MARK: Failures

    @Test(
        arguments: kinds,
        [
            Status(.notFound, "no such key"), Status(.unavailable, ""),
            Status(.internalError, "50 % of \u{1F40C} \n\tand more"),
            Status(.failedPrecondition, String(repeating: "x", count: 900)),
        ]
    )
    func failureReachesTheClientUnchanged(_ kind: TransportKind, status: Status) async throws {
        var router = Router()
        router.register(TestMethod.named("Fail")) { _, _ in .failed(status) }
        router.register(TestMethod.named("FailLater")) { _, call in
            let responder = call.makeResponder()
            responder.accept()
            call.executor.execute { responder.fail(status) }
            return .deferred
        }
        try await kind.run(router) { tested in
            for name in ["Fail", "FailLater"] {
                let result = await tested.call(TestMethod.named(name))
                #expect(result.status == status)
                #expect(result.status.origin == .peer)
                #expect(result.message.isEmpty)
            }
        }
    }

    @Test(arguments: kinds)
    func droppedResponderFailsTheCall(_ kind: TransportKind) async throws {
        var router = Router()
        router.register(TestMethod.named("Drop")) { _, call in
            _ = call.makeResponder()
            return .deferred
        }
        try await kind.run(router) { tested in
            let result = await tested.call(TestMethod.named("Drop"))
            #expect(result.status.code == .internalError)
            #expect(result.status.origin == .peer)
        }
    }

    @Test(arguments: kinds)
    func unknownMethodIsUnimplemented(_ kind: TransportKind) async throws {
        try await kind.run(Router()) { tested in
            let result = await tested.call(TestMethod.named("Nothing"), [1, 2])
            #expect(result.status.code == .unimplemented)
            #expect(result.status.message.contains("/chord.test.Test/Nothing"))
        }
    }

    @Test(arguments: kinds)
    func roleWithoutPermissionIsDenied(_ kind: TransportKind) async throws {
        var router = Router()
        router.register(TestMethod.named("Denied")) { _, _ in .replied }
        try await kind.run(router) { tested in
            let result = await tested.call(TestMethod.named("Denied"))
            #expect(result.status.code == .permissionDenied)
            #expect(result.status.message.contains("its role is client"))
            #expect(result.status.origin == .peer)
        }
    }

    @Test(arguments: kinds)
    func wrongPeerNameIsRefused(_ kind: TransportKind) async throws {
        try await kind.run(Router()) { tested in
            let result = await tested.call(
                TestMethod.echo,
                expecting: ExpectedPeer(name: "n9")
            )
            #expect(result.status.code == .unavailable)
            #expect(result.status.origin == .transport)
            #expect(result.status.message.contains("names node n1, expected n9"))
        }
    }

    // MARK: Ends

    /// How many calls a handler has begun, and of how many it was told that they are cancelled.
    private struct Fates {
        var begun = 0
        var cancelled = 0
        var isToldOfAll: Bool { begun == cancelled }
    }

    /// A handler that never answers and says when it is cancelled.
    private static func silent(_ fates: NIOLockedValueBox<Fates>) -> Router {
        let kept = NIOLockedValueBox<[Responder]>([])
        var router = Router()
        router.register(TestMethod.echo) { _, _ in .replied }
        router.register(TestMethod.named("Silent")) { _, call in
            fates.withLockedValue { $0.begun += 1 }
            let responder = call.makeResponder()
            responder.onCancel { fates.withLockedValue { $0.cancelled += 1 } }
            kept.withLockedValue { $0.append(responder) }
            return .deferred
        }
        return router
    }

    @Test(arguments: kinds)
    func deadlineEndsTheCall(_ kind: TransportKind) async throws {
        let fates = NIOLockedValueBox(Fates())
        try await kind.run(Self.silent(fates)) { tested in
            // The connection is there first: the deadline is the call's and not the dial's.
            #expect(await tested.call(TestMethod.echo).status == .ok)
            let result = await tested.call(
                TestMethod.named("Silent"),
                within: .milliseconds(100)
            )
            #expect(result.status.code == .deadlineExceeded)
            try await eventually { fates.withLockedValue { $0.isToldOfAll } }
        }
    }

    @Test(arguments: kinds)
    func cancellationEndsTheCall(_ kind: TransportKind) async throws {
        let fates = NIOLockedValueBox(Fates())
        try await kind.run(Self.silent(fates)) { tested in
            let (observer, handle) = await tested.observe(TestMethod.named("Silent"))
            var events = observer.events.makeAsyncIterator()
            guard case .sent = await events.next() else {
                Issue.record("the first event is not that the call was sent")
                return
            }
            handle.cancel()
            guard case .finished(let result) = await events.next() else {
                Issue.record("the call did not end")
                return
            }
            #expect(result.status.code == .cancelled)
            #expect(result.status.origin == .local)
            handle.cancel()
            #expect(await events.next() == nil)
            try await eventually { fates.withLockedValue { $0.isToldOfAll } }
        }
    }

    /// The end may come while the other side takes the call: whoever has begun hears of it.
    @Test(arguments: kinds)
    func handlerLearnsOfACancellationAtAnyMoment(_ kind: TransportKind) async throws {
        let fates = NIOLockedValueBox(Fates())
        try await kind.run(Self.silent(fates)) { tested in
            #expect(await tested.call(TestMethod.echo).status == .ok)
            for _ in 0..<500 {
                let (observer, handle) = await tested.observe(TestMethod.named("Silent"))
                handle.cancel()
                for await _ in observer.events {}
            }
            try await eventually { fates.withLockedValue { $0.isToldOfAll } }
        }
        #expect(fates.withLockedValue { $0.begun } > 0)
    }

    @Test(arguments: kinds)
    func acceptanceIsReportedBeforeTheAnswer(_ kind: TransportKind) async throws {
        let kept = NIOLockedValueBox<Responder?>(nil)
        var router = Router()
        router.register(TestMethod.named("Work")) { _, call in
            let responder = call.makeResponder()
            // Kept first: who sees the acceptance answers at once, and on another thread.
            kept.withLockedValue { $0 = responder }
            responder.accept()
            return .deferred
        }
        try await kind.run(router) { tested in
            let (observer, _) = await tested.observe(TestMethod.named("Work"))
            var names: [String] = []
            for await event in observer.events {
                switch event {
                case .sent: names.append("sent")
                case .accepted:
                    names.append("accepted")
                    // Only now is there an answer, so that it cannot have come along.
                    kept.withLockedValue { $0 }?.succeed([5])
                case .finished(let result):
                    names.append("finished")
                    #expect(result.status == .ok)
                    #expect(result.message == [5])
                }
            }
            #expect(names == ["sent", "accepted", "finished"])
        }
    }
}
