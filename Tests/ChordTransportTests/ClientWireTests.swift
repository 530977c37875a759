// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordIdentity
import ChordRPC
import ChordTLS
import NIOConcurrencyHelpers
import NIOCore
import ChordTestSupport
import Testing

@testable import ChordTransport

/// What our client makes of answers that our own server never gives.
@Suite("The client on the wire", .tags(.network), .timeLimit(.minutes(5)))
struct ClientWireTests {
    /// How a raw server answers a request; called once per stream, when the request has ended.
    typealias Answer = @Sendable (RawHTTP2, HTTP2Session, _ stream: Int32) -> Void

    private static let grpc: [(name: String, value: String)] = [
        (":status", "200"), ("content-type", "application/grpc"),
    ]

    private static func headers(_ list: [(name: String, value: String)]) -> HTTP2Headers {
        HTTP2Headers(HTTP2Headers.Prepared(list))
    }

    private static func handler(
        _ answer: @escaping Answer
    ) -> @Sendable (RawHTTP2, HTTP2Session, HTTP2Event) -> Void {
        { raw, session, event in
            if case .data(let stream, _, endStream: true) = event { answer(raw, session, stream) }
        }
    }

    private func outcome(
        configuration: TransportConfiguration = TransportConfiguration(),
        of answer: @escaping Answer
    ) async throws -> ClientResult {
        let certificates = try await Certificates.get()
        return try await RawPeers.serve(as: certificates.n1, handler: Self.handler(answer)) {
            address in
            try await TestNode.calling(as: certificates.n2, configuration: configuration) {
                client in
                await client.call(TestMethod.echo, [1], at: address)
            }
        }
    }

    // MARK: Requests

    @Test func requestHasTheHeadersOfGRPC() async throws {
        let certificates = try await Certificates.get()
        let seen = NIOLockedValueBox<[String: String]>([:])
        var metadata = Metadata()
        metadata.append("x-key", "value")
        metadata.append("grpc-secret", "never")
        metadata.append("line", "a\nb")
        metadata.entries.append(.init(name: "x-bin", value: [0, 1]))
        try await RawPeers.serve(
            as: certificates.n1,
            handler: { _, session, event in
                switch event {
                case .headers(_, let block, .request, _):
                    let fields = RawPeers.fields(block, session)
                    seen.withLockedValue { $0 = fields }
                case .data(let stream, _, endStream: true):
                    session.submitUnaryResponse(
                        stream: stream,
                        headers: Self.headers(Self.grpc),
                        body: emptyMessage,
                        trailers: Self.headers([("grpc-status", "0")])
                    )
                default: break
                }
            }
        ) { [metadata] address in
            try await TestNode.calling(as: certificates.n2) { client in
                let result = await client.call(
                    TestMethod.echo,
                    at: address,
                    within: .seconds(20),
                    metadata: metadata
                )
                #expect(result.status == .ok)
            }
            let fields = seen.withLockedValue { $0 }
            #expect(fields[":method"] == "POST")
            #expect(fields[":scheme"] == "https")
            #expect(fields[":path"] == "/chord.test.Test/Echo")
            #expect(fields[":authority"] == address)
            #expect(fields["te"] == "trailers")
            #expect(fields["content-type"] == "application/grpc")
            #expect(fields["user-agent"]?.hasPrefix("swift-chord/") == true)
            #expect(fields["x-key"] == "value")
            #expect(fields["x-bin"] == "AAE")
            #expect(fields["grpc-secret"] == nil)
            #expect(fields["line"] == nil)
            let timeout = try #require(fields["grpc-timeout"])
            let left = Array(timeout.utf8).withUnsafeBytes { GRPCTimeout.parse($0) }
            #expect(try #require(left) <= .seconds(20))
        }
    }

    // MARK: Statuses

    @Test(
        arguments: StatusMapping.http.map { (Int($0.number), $0.code) }
            + [201, 204, 302, 402, 418, 500, 501, 505, 599].map { ($0, StatusMapping.otherHTTP) }
    )
    func httpStatusReplacesAMissingGRPCStatus(_ status: Int, _ code: StatusCode) async throws {
        for endStream in [true, false] {
            let result = try await outcome { _, session, stream in
                session.submitResponse(
                    stream: stream,
                    headers: Self.headers([
                        (":status", String(status)), ("content-type", "text/html"),
                    ]),
                    endStream: endStream
                )
            }
            #expect(result.status.code == code)
            #expect(result.status.origin == .transport)
            #expect(result.status.message.contains("\(status)"))
        }
    }

    @Test(
        arguments: StatusMapping.resets.map { ($0.number, $0.code) }
            + [0xe, UInt32.max].map { ($0, StatusMapping.otherReset) }
    )
    func resetCodeReplacesAMissingGRPCStatus(_ error: UInt32, _ code: StatusCode) async throws {
        let result = try await outcome { _, session, stream in
            session.reset(stream: stream, errorCode: HTTP2ErrorCode(rawValue: error))
        }
        #expect(result.status.code == code)
        #expect(result.status.origin == .transport)
    }

    @Test(arguments: [("7", StatusCode.permissionDenied), ("99", .unknown), ("x", .unknown)])
    func trailersOnlyResponseIsAStatus(_ number: String, _ code: StatusCode) async throws {
        let result = try await outcome { _, session, stream in
            session.submitResponse(
                stream: stream,
                headers: Self.headers(
                    Self.grpc + [
                        ("grpc-status", number), ("grpc-message", "50%25 %F0%9F%90%8C %zz"),
                        ("x-more", "1"),
                    ]
                ),
                endStream: true
            )
        }
        #expect(result.status.code == code)
        #expect(result.status.message == "50% \u{1F40C} %zz")
        #expect(result.status.origin == .peer)
        #expect(result.trailers["x-more"] == Array("1".utf8))
    }

    // MARK: Answers that break the rules

    @Test(
        arguments: [
            ([[0, 0, 0, 0, 1]], "inside its message"), ([], "without a message"),
            ([[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]], "more than one message"),
            ([[0, 0, 0, 0, 0], [0, 0, 0, 0, 0]], "more than one message"),
            ([[1, 0, 0, 0, 0]], "compressed"),
        ] as [([[UInt8]], String)]
    )
    func malformedAnswerFailsTheCall(_ pieces: [[UInt8]], _ text: String) async throws {
        let result = try await outcome { raw, session, stream in
            session.submitResponse(stream: stream, headers: Self.headers(Self.grpc))
            for piece in pieces {
                session.send(ByteBuffer(bytes: piece), on: stream)
                raw.flush()
            }
            session.submitTrailers(Self.headers([("grpc-status", "0")]), on: stream)
        }
        #expect(result.status.code == .internalError)
        #expect(result.status.origin == .transport)
        #expect(result.status.message.contains(text))
        #expect(result.message.isEmpty)
    }

    @Test func answerWithoutStatusIsUnknown() async throws {
        let result = try await outcome { _, session, stream in
            session.submitResponse(stream: stream, headers: Self.headers(Self.grpc))
            session.send(ByteBuffer(bytes: [0, 0, 0, 0, 0]), on: stream, endStream: true)
        }
        #expect(result.status.code == .unknown)
        #expect(result.status.origin == .transport)
    }

    @Test func answerWithAnotherContentTypeIsRefused() async throws {
        let result = try await outcome { _, session, stream in
            session.submitUnaryResponse(
                stream: stream,
                headers: Self.headers([(":status", "200"), ("content-type", "text/html")]),
                body: emptyMessage,
                trailers: Self.headers([("grpc-status", "0")])
            )
        }
        #expect(result.status.code == .unknown)
        #expect(result.status.origin == .transport)
    }

    @Test func answerOverTheLimitIsRefused() async throws {
        var configuration = TransportConfiguration()
        configuration.receiveLimitBytes = 10
        let result = try await outcome(configuration: configuration) { _, session, stream in
            session.submitResponse(stream: stream, headers: Self.headers(Self.grpc))
            session.send(ByteBuffer(bytes: [0, 0, 0, 0, 11]), on: stream)
        }
        #expect(result.status.code == .resourceExhausted)
        #expect(result.status.origin == .transport)
    }

    @Test func connectionEndsOnAnHTTP2Violation() async throws {
        let result = try await outcome { raw, _, _ in
            // A frame of HEADERS on stream zero.
            raw.write([0, 0, 1, 1, 4, 0, 0, 0, 0, 0x88])
        }
        #expect(result.status.code == .unavailable)
        #expect(result.status.origin == .transport)
        #expect(result.status.message.contains("protocolViolation"))
    }

    @Test func connectionEndsOnAFlood() async throws {
        var configuration = TransportConfiguration()
        configuration.limits.maxControlFrames = 100
        configuration.limits.controlFramesPerSecond = 0
        let result = try await outcome(configuration: configuration) { _, session, _ in
            for number in 0..<200 as Range<UInt64> {
                session.ping(number)
            }
        }
        #expect(result.status.code == .unavailable)
        #expect(result.status.message.contains("too many frames without a message"))
    }

    @Test func closedConnectionFailsItsCallsAndIsReported() async throws {
        let certificates = try await Certificates.get()
        let lost = NIOLockedValueBox<[String]>([])
        try await RawPeers.serve(
            as: certificates.n1,
            handler: Self.handler { raw, _, _ in raw.close() }
        ) { address in
            try await TestNode.calling(as: certificates.n2) { client in
                client.onConnectionLoss { address in lost.withLockedValue { $0.append(address) } }
                let result = await client.call(TestMethod.echo, at: address)
                #expect(result.status.code == .unavailable)
                #expect(result.status.origin == .transport)
                #expect(result.status.message.contains("was lost"))
                try await eventually { lost.withLockedValue { $0 } == [address] }
            }
        }
    }

    // MARK: Refused streams

    @Test func refusedCallIsRetriedOnce() async throws {
        let requests = NIOLockedValueBox(0)
        let result = try await outcome { _, session, stream in
            let count = requests.withLockedValue { count in
                count += 1
                return count
            }
            if count == 1 {
                session.reset(stream: stream, errorCode: .refusedStream)
            } else {
                session.submitUnaryResponse(
                    stream: stream,
                    headers: Self.headers(Self.grpc),
                    body: emptyMessage,
                    trailers: Self.headers([("grpc-status", "0")])
                )
            }
        }
        #expect(result.status == .ok)
        #expect(requests.withLockedValue { $0 } == 2)
    }

    @Test func callIsNotTriedAThirdTime() async throws {
        let requests = NIOLockedValueBox(0)
        let result = try await outcome { _, session, stream in
            requests.withLockedValue { $0 += 1 }
            session.reset(stream: stream, errorCode: .refusedStream)
        }
        #expect(result.status.code == .unavailable)
        #expect(result.status.origin == .transport)
        #expect(requests.withLockedValue { $0 } == 2)
    }

    @Test func callNotProcessedBeforeGoAwayUsesANewConnection() async throws {
        // The connections themselves: the identity of one that is gone may be that of the next.
        let connections = NIOLockedValueBox<[RawHTTP2]>([])
        let result = try await outcome { raw, session, stream in
            let isFirst = connections.withLockedValue { seen in
                if !seen.contains(where: { $0 === raw }) { seen.append(raw) }
                return seen.count == 1
            }
            if isFirst {
                session.goAway(lastStream: 0)
            } else {
                session.submitUnaryResponse(
                    stream: stream,
                    headers: Self.headers(Self.grpc),
                    body: emptyMessage,
                    trailers: Self.headers([("grpc-status", "0")])
                )
            }
        }
        #expect(result.status == .ok)
        #expect(connections.withLockedValue { $0.count } == 2)
    }

    // MARK: Silence

    @Test func connectionEndsWhenAPingIsNotAnswered() async throws {
        let certificates = try await Certificates.get()
        var configuration = TransportConfiguration()
        configuration.client.pingTimeout = .milliseconds(50)
        let ended = NIOLockedValueBox(0)
        let calls = NIOLockedValueBox(0)
        try await RawPeers.serve(
            as: certificates.n1,
            handler: Self.handler { raw, session, stream in
                let count = calls.withLockedValue { count in
                    count += 1
                    return count
                }
                if count == 1 {
                    session.submitUnaryResponse(
                        stream: stream,
                        headers: Self.headers(Self.grpc),
                        body: emptyMessage,
                        trailers: Self.headers([("grpc-status", "0")])
                    )
                }
                // From now on this connection is dead, and does not say so.
                raw.isDeaf = true
            },
            onEnd: { ended.withLockedValue { $0 += 1 } }
        ) { [configuration] address in
            try await TestNode.calling(as: certificates.n2, configuration: configuration) {
                client in
                #expect(await client.call(TestMethod.echo, at: address).status == .ok)
                let result = await client.call(
                    TestMethod.echo,
                    at: address,
                    within: .milliseconds(20)
                )
                #expect(result.status.code == .deadlineExceeded)
                #expect(result.status.origin == .local)
                try await eventually { ended.withLockedValue { $0 } == 1 }
            }
        }
    }

    @Test func connectionEndsWhenThePeerSendsNoSettings() async throws {
        let certificates = try await Certificates.get()
        var configuration = TransportConfiguration()
        configuration.client.readyTimeout = .milliseconds(100)
        // It accepts, as the kernel of a stopped process does, and says nothing.
        let listener = try await silentListener()
        let port = try #require(listener.localAddress?.port)
        try await TestNode.calling(as: certificates.n2, configuration: configuration) { client in
            let result = await client.call(TestMethod.echo, at: "127.0.0.1:\(port)")
            #expect(result.status.code == .unavailable)
            #expect(result.status.origin == .transport)
            #expect(result.status.message.contains("not ready within"))
        }
        try await listener.close().get()
    }

    @Test func deadlineAppliesWhileDialling() async throws {
        let certificates = try await Certificates.get()
        let listener = try await silentListener()
        let port = try #require(listener.localAddress?.port)
        try await TestNode.calling(as: certificates.n2) { client in
            let result = await client.call(
                TestMethod.echo,
                at: "127.0.0.1:\(port)",
                within: .milliseconds(50)
            )
            #expect(result.status.code == .deadlineExceeded)
            #expect(result.status.origin == .local)
        }
        try await listener.close().get()
    }

    @Test func numberOfWaitingCallsIsLimited() async throws {
        let certificates = try await Certificates.get()
        var configuration = TransportConfiguration()
        configuration.client.maxWaitingCalls = 2
        let listener = try await silentListener()
        let port = try #require(listener.localAddress?.port)
        try await TestNode.calling(as: certificates.n2, configuration: configuration) { client in
            var handles: [any ClientCallHandle] = []
            for _ in 0..<2 {
                handles.append(
                    await client.observe(TestMethod.echo, at: "127.0.0.1:\(port)").1
                )
            }
            let third = await client.call(TestMethod.echo, at: "127.0.0.1:\(port)")
            #expect(third.status.code == .resourceExhausted)
            #expect(third.status.origin == .local)
            // One that gives up makes room for another.
            handles[0].cancel()
            let (fourth, handle) = await client.observe(
                TestMethod.echo,
                at: "127.0.0.1:\(port)"
            )
            handle.cancel()
            for await case .finished(let result) in fourth.events {
                #expect(result.status.code == .cancelled)
            }
        }
        try await listener.close().get()
    }
}

/// A gRPC frame of a message of no bytes; a constant, so that a pointer to it stays good.
nonisolated(unsafe) let emptyMessage: UnsafeRawBufferPointer = {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 5, alignment: 1)
    bytes.initializeMemory(as: UInt8.self, repeating: 0)
    return UnsafeRawBufferPointer(bytes)
}()
