// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordIdentity
import ChordRPC
import ChordTestSupport
import NIOConcurrencyHelpers
import NIOCore
import Testing

@testable import ChordTransport

/// Streams and the connection below them: windows, limits, and network failures.
@Suite("Streams on the wire", .tags(.network), .timeLimit(.minutes(5)))
struct StreamWireTests {
    private typealias Fields = [(name: String, value: String)]

    /// A `StreamService` on a server of its own, and a client, both of one configuration.
    private func serving<R: Sendable>(
        _ configuration: TransportConfiguration = TransportConfiguration(),
        _ body: @Sendable (TestedTransport, StreamService, TestNode) async throws -> R
    ) async throws -> R {
        let certificates = try await Certificates.get()
        let service = StreamService()
        var router = Router()
        service.register(in: &router)
        router.register(TestMethod.echo) { request, call in
            call.reply.append(contentsOf: request)
            return .replied
        }
        router.register(TestMethod.named("Enough"), on: nil) { stream throws(Status) in
            let first = try await stream.nextMessage() ?? []
            try await stream.send(first)
            return []
        }
        return try await TestNode.serving(
            router,
            as: certificates.n1,
            configuration: configuration
        ) { node, address in
            try await TestNode.calling(as: certificates.alice, configuration: configuration) {
                client in
                try await body(
                    TestedTransport(
                        transport: client,
                        address: address,
                        executor: testExecutors.all[0]
                    ),
                    service,
                    node
                )
            }
        }
    }

    private func exchange(
        _ method: RPCMethod,
        _ body: [[UInt8]],
        isEndless: Bool = false
    ) async throws -> RawResponse {
        let certificates = try await Certificates.get()
        return try await serving { tested, _, _ in
            try await RawPeers.exchange(
                with: tested.address,
                as: certificates.alice,
                ServerWireTests.head([":path": method.path]),
                body: body,
                isEndless: isEndless
            )
        }
    }

    // MARK: The server

    @Test func messagesNeedNotAlignWithFrames() async throws {
        let bytes = MessageFraming.frame([1, 2, 3]) + MessageFraming.frame([])
        let response = try await exchange(StreamService.echo, bytes.map { [$0] })
        #expect(response.data == bytes)
        #expect(response["grpc-status"] == "0")
        #expect(response.closeCode == .noError)
    }

    @Test(arguments: [
        ([2, 0, 0, 0, 0], "13"), ([0, 0, 0, 0, 9, 1], "13"), ([0, 0, 0], "13"),
        ([0, 0xff, 0xff, 0xff, 0xff], "8"),
    ])
    func invalidMessageEndsTheStream(_ bytes: [UInt8], _ status: String) async throws {
        let whole = MessageFraming.frame([7])
        let response = try await exchange(StreamService.echo, [whole, bytes])
        #expect(response["grpc-status"] == status)
    }

    @Test func unwantedStreamIsReset() async throws {
        let response = try await exchange(
            TestMethod.named("Enough"),
            [MessageFraming.frame([5])],
            isEndless: true
        )
        #expect(response.data == MessageFraming.frame([5]))
        // The trailers have come, and only then the reset that says there is no mistake.
        #expect(response["grpc-status"] == "0")
        #expect(response.closeCode == .noError)
    }

    // MARK: Windows

    @Test func unreadStreamReturnsTheConnectionWindow() async throws {
        var configuration = TransportConfiguration()
        configuration.limits.initialStreamWindow = 128 << 10
        configuration.limits.connectionWindow = 256 << 10
        try await serving(configuration) { tested, service, _ in
            for _ in 0..<10 {
                // More than the stream's window each way, none of it read.
                let answers = tested.open(StreamService.produce)
                try await answers.send("1000 1000")
                _ = try await answers.nextMessage()
                answers.cancel()
                let requests = tested.open(StreamService.hold)
                for _ in 0..<50 { try await requests.send([UInt8](repeating: 0, count: 1000)) }
                _ = try await requests.nextMessage()
                requests.cancel()
            }
            // Had they kept what they held, nothing were left for this.
            let message = [UInt8](repeating: 3, count: 1 << 20)
            #expect(await tested.call(TestMethod.echo, message).message.elementsEqual(message))
        }
    }

    @Test func unreadStreamDoesNotBlockOthers() async throws {
        try await serving { tested, service, _ in
            let slow = tested.open(StreamService.produce)
            try await slow.send("1000 10000")
            try await service.until { $0.sent > 50 }
            for _ in 0..<3 {
                let message = [UInt8](repeating: 3, count: 2 << 20)
                #expect(await tested.call(TestMethod.echo, message).message.elementsEqual(message))
            }
            var seen = 0
            slow.finishSending()
            while try await slow.nextMessage() != nil { seen += 1 }
            #expect(seen == 1000)
        }
    }

    @Test func streamsShareTheOutputBuffer() async throws {
        var configuration = TransportConfiguration()
        configuration.limits.maxQueuedOutputBytes = 128 << 10
        configuration.limits.streamHighWaterBytes = 64 << 10
        try await serving(configuration) { tested, service, _ in
            // Many times what may wait: no stream is reset for it, each is only made to wait.
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        let stream = tested.open(StreamService.produce)
                        try await stream.send("20 30000")
                        stream.finishSending()
                        var seen = 0
                        while let message = try await stream.nextMessage() { seen += message.count }
                        return seen
                    }
                }
                for try await seen in group { #expect(seen == 600_000) }
            }
            let stream = tested.open(StreamService.echo)
            let failure = await #expect(throws: Status.self) {
                try await stream.send([UInt8](repeating: 0, count: 100_000))
            }
            #expect(failure?.code == .resourceExhausted)
            stream.finishSending()
            #expect(await stream.status() == .ok)
        }
    }

    // MARK: Ends

    @Test func lostConnectionEndsBothSides() async throws {
        try await serving { tested, service, node in
            let stream = tested.open(StreamService.hold, within: nil)
            try await stream.send([1])
            #expect(try await stream.nextMessage() == [1])
            await node.server.shutdown(grace: .zero)
            let failure = await #expect(throws: Status.self) { try await stream.nextMessage() }
            #expect(failure?.code == .unavailable)
            #expect(failure?.origin == .transport)
            let late = await #expect(throws: Status.self) { try await stream.send([2]) }
            #expect(late?.code == .unavailable)
            try await service.until { $0.failures.map(\.code) == [.cancelled] }
        }
    }

    @Test func drainingServerLetsAStreamFinish() async throws {
        try await serving { tested, _, node in
            let stream = tested.open(StreamService.echo)
            try await stream.send([1])
            #expect(try await stream.nextMessage() == [1])
            async let stopped: Void = node.server.shutdown(grace: .seconds(20))
            try await eventually { node.server.localAddresses.isEmpty }
            for number in UInt8(2)..<20 {
                try await stream.send([number])
                #expect(try await stream.nextMessage() == [number])
            }
            stream.finishSending()
            #expect(try await stream.nextMessage() == nil)
            await stopped
        }
    }

    @Test func clientShutdownEndsItsStreams() async throws {
        let certificates = try await Certificates.get()
        try await serving { tested, service, _ in
            let node = TestNode(certificates.n2)
            let stream = node.client.openStream(
                ClientStreamCall(
                    target: PeerTarget(
                        address: tested.address,
                        expected: ExpectedPeer(name: "n1")
                    ),
                    method: StreamService.hold,
                    deadline: nil
                ),
                on: tested.executor
            )
            try await stream.send([1])
            #expect(try await stream.nextMessage() == [1])
            await node.client.shutdown(grace: .zero)
            #expect(await stream.status().code == .unavailable)
            try await service.until { $0.failures.map(\.code) == [.cancelled] }
        }
    }

    // MARK: Peers that do otherwise

    private static let grpc: Fields = [(":status", "200"), ("content-type", "application/grpc")]

    private func outcome(
        handler: @escaping @Sendable (RawHTTP2, HTTP2Session, HTTP2Event) -> Void,
        _ body: @Sendable (ClientStream) async throws -> Void
    ) async throws {
        let certificates = try await Certificates.get()
        try await RawPeers.serve(as: certificates.n1, handler: handler) { address in
            try await TestNode.calling(as: certificates.alice) { client in
                let tested = TestedTransport(
                    transport: client,
                    address: address,
                    executor: testExecutors.all[0]
                )
                try await body(tested.open(StreamService.echo))
            }
        }
    }

    @Test func refusedStreamIsRetriedWithAllItsMessages() async throws {
        let requests = NIOLockedValueBox<[Int32: [UInt8]]>([:])
        try await outcome(handler: { raw, session, event in
            guard case .data(let stream, let payload, let isLast) = event else { return }
            let bytes = Array(session.bytes(payload))
            let all = requests.withLockedValue { requests in
                requests[stream, default: []] += bytes
                return requests[stream, default: []]
            }
            // The first is refused in the middle of its messages.
            if stream == 1 {
                session.reset(stream: 1, errorCode: .refusedStream)
            } else if isLast {
                _ = all.withUnsafeBytes {
                    session.submitUnaryResponse(
                        stream: stream,
                        headers: HTTP2Headers(HTTP2Headers.Prepared(Self.grpc)),
                        body: $0,
                        trailers: HTTP2Headers(HTTP2Headers.Prepared([("grpc-status", "0")]))
                    )
                }
            }
        }) { stream in
            try await stream.send([1])
            try await stream.send([2, 2])
            stream.finishSending()
            var seen: [[UInt8]] = []
            for try await message in stream.responses { seen.append(message) }
            #expect(seen == [[1], [2, 2]])
        }
        #expect(requests.withLockedValue { $0[1] } != nil)
    }

    @Test(arguments: [
        (HTTP2ErrorCode.enhanceYourCalm, StatusCode.resourceExhausted), (.cancel, .cancelled),
        (.refusedStream, .unavailable), (.internalError, .internalError),
    ])
    func resetInTheMiddleGivesItsStatus(_ code: HTTP2ErrorCode, _ status: StatusCode) async throws {
        try await outcome(handler: { raw, session, event in
            switch event {
            case .headers(let stream, _, .request, _):
                session.submitResponse(
                    stream: stream,
                    headers: HTTP2Headers(HTTP2Headers.Prepared(Self.grpc))
                )
                session.send(ByteBuffer(bytes: MessageFraming.frame([9])), on: stream)
            case .data(let stream, _, _):
                session.reset(stream: stream, errorCode: code)
            default: break
            }
        }) { stream in
            #expect(try await stream.nextMessage() == [9])
            try await stream.send([1])
            let failure = await #expect(throws: Status.self) { try await stream.nextMessage() }
            #expect(failure?.code == status)
            #expect(failure?.origin == .transport)
            let result = await stream.result()
            #expect(result.status.code == status)
        }
    }

    @Test func answerThatEndsInsideAMessageIsAFailure() async throws {
        try await outcome(handler: { raw, session, event in
            guard case .headers(let stream, _, .request, _) = event else { return }
            _ = (MessageFraming.frame([9]) + [0, 0]).withUnsafeBytes {
                session.submitUnaryResponse(
                    stream: stream,
                    headers: HTTP2Headers(HTTP2Headers.Prepared(Self.grpc)),
                    body: $0,
                    trailers: HTTP2Headers(HTTP2Headers.Prepared([("grpc-status", "0")]))
                )
            }
        }) { stream in
            let first = try await stream.nextMessage()
            #expect(first == [9])
            let failure = await #expect(throws: Status.self) { try await stream.nextMessage() }
            #expect(failure?.code == .internalError)
            #expect(await stream.status().code == .internalError)
        }
    }
}
