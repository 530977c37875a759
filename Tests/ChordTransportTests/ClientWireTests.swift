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
struct ClientWireTests: RawServerSuite {
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
        let lost = Watched<[String]>([])
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
                try await lost.until { $0 == [address] }
            }
        }
    }
}
