// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
import ChordTestSupport
import Testing

@testable import ChordTransport

/// What a call with streams of messages means, whatever carries it.
@Suite("Streaming calls", .tags(.network), .timeLimit(.minutes(5)))
struct StreamMeaningTests {
    static let kinds = TransportKind.allCases

    // MARK: Messages

    @Test(arguments: kinds)
    func messagesFlowInBothDirections(_ kind: TransportKind) async throws {
        try await kind.runStreams { tested, _ in
            let stream = tested.open(StreamService.echo)
            for number in UInt8(0)..<20 {
                try await stream.send([number])
                #expect(try await stream.nextMessage() == [number])
            }
            stream.finishSending()
            #expect(try await stream.nextMessage() == nil)
            let result = await stream.result()
            #expect(result.status == .ok)
            #expect(result.peer?.name == "n1")
        }
    }

    @Test(arguments: kinds, [0, 1, 100])
    func serverStreamingWorks(_ kind: TransportKind, count: Int) async throws {
        try await kind.runStreams { tested, _ in
            let stream = tested.open(StreamService.produce)
            try await stream.send("\(count) 1000")
            stream.finishSending()
            var seen = 0
            for try await message in stream.responses {
                #expect(message == [UInt8](repeating: UInt8(seen), count: 1000))
                seen += 1
            }
            #expect(seen == count)
            #expect(await stream.status() == .ok)
        }
    }

    @Test(arguments: kinds, [0, 1, 100])
    func clientStreamingWorks(_ kind: TransportKind, count: Int) async throws {
        try await kind.runStreams { tested, _ in
            let stream = tested.open(StreamService.sum)
            for _ in 0..<count { try await stream.send([UInt8](repeating: 7, count: 10)) }
            stream.finishSending()
            #expect(try await stream.onlyResponse() == Array("\(count) \(count * 10)".utf8))
        }
    }

    @Test(arguments: kinds)
    func streamCanBeEmptyInBothDirections(_ kind: TransportKind) async throws {
        try await kind.runStreams { tested, _ in
            let stream = tested.open(StreamService.echo, within: nil)
            stream.finishSending()
            let (message, metadata) = try await (stream.nextMessage(), stream.initialMetadata())
            #expect(message == nil)
            #expect(metadata == [])
            #expect(await stream.result().status == .ok)
        }
    }

    @Test(arguments: kinds)
    func emptyMessagesAreDelivered(_ kind: TransportKind) async throws {
        try await kind.runStreams { tested, _ in
            let stream = tested.open(StreamService.echo)
            try await stream.send([UInt8]())
            try await stream.send([UInt8]())
            stream.finishSending()
            var seen: [[UInt8]] = []
            for try await message in stream.responses { seen.append(message) }
            #expect(seen == [[], []])
        }
    }

    @Test(arguments: kinds, [(4 << 20) - 1, 4 << 20])
    func messageCanBeLargerThanTheWindow(_ kind: TransportKind, bytes: Int) async throws {
        try await kind.runStreams { tested, _ in
            let message = (0..<bytes).map { UInt8(truncatingIfNeeded: $0 >> 3) }
            let stream = tested.open(StreamService.echo, within: nil)
            for _ in 0..<2 {
                try await stream.send(message)
                #expect(try await stream.nextMessage() == message)
            }
            stream.finishSending()
            #expect(try await stream.nextMessage() == nil)
        }
    }

    @Test(arguments: kinds)
    func requestOverTheLimitEndsTheStream(_ kind: TransportKind) async throws {
        try await kind.runStreams { tested, _ in
            let stream = tested.open(StreamService.sum)
            try await stream.send([UInt8](repeating: 0, count: (4 << 20) + 1))
            #expect(await stream.status().code == .resourceExhausted)
        }
    }

    @Test(arguments: kinds)
    func answerOverTheLimitEndsTheStream(_ kind: TransportKind) async throws {
        try await kind.runStreams { tested, service in
            let stream = tested.open(StreamService.produce)
            try await stream.send("1000 \((4 << 20) + 1)")
            let failure = await #expect(throws: Status.self) { try await stream.nextMessage() }
            #expect(failure?.code == .resourceExhausted)
            #expect(await stream.status().code == .resourceExhausted)
            try await service.until { $0.failures.count == 1 }
        }
    }

    @Test(arguments: kinds)
    func serverCanSendAfterTheClientsHalfClose(_ kind: TransportKind) async throws {
        var router = Router()
        router.register(TestMethod.named("Late"), on: nil) { stream throws(Status) in
            var all: [UInt8] = []
            for try await message in stream.requests { all += message }
            for byte in all { try await stream.send([byte]) }
            return []
        }
        try await kind.run(router) { tested in
            let stream = tested.open(TestMethod.named("Late"))
            try await stream.send([1, 2])
            try await stream.send([3])
            stream.finishSending()
            var seen: [UInt8] = []
            for try await message in stream.responses { seen += message }
            #expect(seen == [1, 2, 3])
        }
    }

    @Test(arguments: kinds)
    func unaryAndStreamingMethodsCanBeCalledAsTheOther(_ kind: TransportKind) async throws {
        var router = Router()
        StreamService().register(in: &router)
        router.register(TestMethod.echo) { request, call in
            let (message, responder) = ([UInt8](request), call.makeResponder())
            call.executor.execute {
                responder.succeed(message, trailers: [.init(name: "hops", value: [0x33])])
            }
            return .deferred
        }
        try await kind.run(router) { tested in
            let sum = await tested.call(StreamService.sum, [1, 2, 3])
            #expect(sum.status == .ok)
            #expect(sum.message == Array("1 3".utf8))
            let failed = await tested.call(StreamService.fail, Array("5 nothing".utf8))
            #expect(failed.status == Status(.notFound, "nothing"))
            let stream = tested.open(TestMethod.echo)
            try await stream.send([4])
            stream.finishSending()
            #expect(try await stream.onlyResponse() == [4])
            #expect(await stream.trailers()["hops"] == [0x33])
            for messages in [[], [[1], [2]]] as [[[UInt8]]] {
                let wrong = tested.open(TestMethod.echo)
                // The second may find the call ended by the first.
                for message in messages { try? await wrong.send(message) }
                wrong.finishSending()
                #expect(await wrong.status().code == .internalError)
            }
        }
    }

    // MARK: Metadata

    @Test(arguments: kinds)
    func initialAndTrailingMetadataAreDelivered(_ kind: TransportKind) async throws {
        var metadata = Metadata()
        metadata.append("x-echo-initial", "ahead")
        metadata.entries.append(.init(name: "x-echo-trailing-bin", value: [0, 255, 171]))
        try await kind.runStreams { [metadata] tested, _ in
            let stream = tested.open(StreamService.echo, metadata: metadata)
            // Before any message in either direction.
            let initial = try await stream.initialMetadata()
            #expect(initial["x-echo-initial"] == Array("ahead".utf8))
            try await stream.send([1])
            #expect(try await stream.nextMessage() == [1])
            stream.finishSending()
            #expect(await stream.trailers()["x-echo-trailing-bin"] == [0, 255, 171])
        }
    }

    @Test(arguments: kinds)
    func failureCarriesTrailingMetadata(_ kind: TransportKind) async throws {
        let metadata: Metadata = [.init(name: "x-echo-trailing-bin", value: [9])]
        try await kind.runStreams { tested, _ in
            let stream = tested.open(StreamService.fail, metadata: metadata)
            try await stream.send("5 no such thing: \u{e4}")
            let failure = await #expect(throws: Status.self) {
                try await stream.initialMetadata()
            }
            let expected = Status(.notFound, "no such thing: \u{e4}")
            #expect(failure == expected)
            let result = await stream.result()
            #expect(result.status == expected)
            #expect(result.trailers["x-echo-trailing-bin"] == [9])
        }
    }

    @Test(arguments: kinds)
    func messagesBeforeAFailureAreDelivered(_ kind: TransportKind) async throws {
        var router = Router()
        router.register(TestMethod.named("Half"), on: nil) { stream throws(Status) in
            try await stream.send([1])
            try await stream.send([2])
            throw Status(.dataLoss, "there was more")
        }
        try await kind.run(router) { tested in
            let stream = tested.open(TestMethod.named("Half"))
            #expect(await stream.status().code == .dataLoss)
            for number in UInt8(1)...2 {
                let message = try await stream.nextMessage()
                #expect(message == [number])
            }
            let failure = await #expect(throws: Status.self) { try await stream.nextMessage() }
            #expect(failure == Status(.dataLoss, "there was more"))
        }
    }

    // MARK: Who may

    @Test(arguments: kinds)
    func authorizationAppliesToStreams(_ kind: TransportKind) async throws {
        var router = Router()
        router.register(TestMethod.named("Denied"), on: nil) { _ in
            Issue.record("the handler was run")
            return []
        }
        try await kind.run(router) { tested in
            for (name, code) in [
                ("Denied", StatusCode.permissionDenied), ("Nothing", .unimplemented),
            ] {
                let stream = tested.open(TestMethod.named(name))
                #expect(await stream.status().code == code)
                await #expect(throws: Status.self) { try await stream.nextMessage() }
            }
        }
    }

    @Test(arguments: kinds)
    func wrongPeerNameIsRefusedForStreams(_ kind: TransportKind) async throws {
        try await kind.runStreams { tested, _ in
            let stream = tested.open(StreamService.echo, expecting: ExpectedPeer(name: "n9"))
            let status = await stream.status()
            #expect(status.code == .unavailable)
            #expect(status.message.contains("names node n1, expected n9"))
        }
    }
}

extension ClientStream {
    func send(_ text: String) async throws(Status) {
        try await send(Array(text.utf8))
    }
}

extension TransportKind {
    /// Serves a `StreamService` as node `n1` and calls it as client `alice`.
    func runStreams<R: Sendable>(
        _ body: @Sendable (TestedTransport, StreamService) async throws -> R
    ) async throws -> R {
        let service = StreamService()
        var router = Router()
        // Network calls are served where they come in; those in process on a loop of their own.
        service.register(in: &router, on: self == .inProcess ? testExecutors.all[0] : nil)
        return try await run(router) { try await body($0, service) }
    }
}
