// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordIdentity
import ChordRPC
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import ChordTestSupport
import Testing

@testable import ChordTransport

/// Answers of the server to requests that our client never sends.
@Suite("The server on the wire", .tags(.network), .timeLimit(.minutes(5)))
struct ServerWireTests {
    typealias Fields = [(name: String, value: String)]

    static let head: Fields = [
        (":method", "POST"), (":scheme", "https"), (":authority", "test"),
        (":path", "/chord.test.Test/Echo"), ("content-type", "application/grpc"),
    ]

    static func head(
        _ changes: [String: String],
        adding more: Fields = []
    ) -> Fields {
        head.map { ($0.name, changes[$0.name] ?? $0.value) } + more
    }

    static var router: Router {
        let kept = NIOLockedValueBox<[Responder]>([])
        var router = Router()
        router.register(TestMethod.echo) { request, call in
            for entry in call.metadata.entries { call.reply.append(contentsOf: entry.value) }
            call.reply.append(contentsOf: request)
            return .replied
        }
        router.register(TestMethod.named("Silent")) { _, call in
            kept.withLockedValue { $0.append(call.makeResponder()) }
            return .deferred
        }
        router.register(TestMethod.named("Accepted")) { _, call in
            let responder = call.makeResponder()
            kept.withLockedValue { $0.append(responder) }
            responder.accept()
            return .deferred
        }
        return router
    }

    private func exchange(
        _ headers: Fields,
        _ body: [[UInt8]],
        trailers: Fields? = nil,
        configuration: TransportConfiguration = TransportConfiguration()
    ) async throws -> RawResponse {
        let certificates = try await Certificates.get()
        return try await TestNode.serving(
            Self.router,
            as: certificates.n1,
            configuration: configuration
        ) { _, address in
            try await RawPeers.exchange(
                with: address,
                as: certificates.alice,
                headers,
                body: body,
                trailers: trailers
            )
        }
    }

    // MARK: Good requests in odd pieces

    @Test(
        arguments: [
            [[0, 0, 0, 0, 3, 1, 2, 3]],
            [[0, 0], [0, 0, 3], [1, 2, 3]],
            [[0, 0, 0, 0, 3], [1], [2], [3], []],
            [[0, 0, 0, 0, 3, 1, 2, 3], []],
            [[], [0], [0, 0, 0, 3, 1], [2, 3]],
        ] as [[[UInt8]]]
    )
    func messageCanArriveInPieces(_ pieces: [[UInt8]]) async throws {
        let response = try await exchange(Self.head, pieces)
        #expect(response[":status"] == "200")
        #expect(response["content-type"] == "application/grpc")
        #expect(response.data == [0, 0, 0, 0, 3, 1, 2, 3])
        #expect(response["grpc-status"] == "0")
        #expect(response.lists.count == 2)
    }

    @Test(arguments: [
        "application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8",
    ])
    func contentTypesOfGRPCAreAccepted(_ type: String) async throws {
        let response = try await exchange(Self.head(["content-type": type]), [[0, 0, 0, 0, 0]])
        #expect(response["grpc-status"] == "0")
        #expect(response.data == [0, 0, 0, 0, 0])
    }

    @Test(
        arguments: [
            ("AAEC", [0, 1, 2]), ("AAE=", [0, 1]), ("AAE", [0, 1]), ("AA,/w", [0, 255]),
        ]
            as [(String, [UInt8])]
    )
    func binaryMetadataIsDecoded(_ text: String, _ bytes: [UInt8]) async throws {
        let response = try await exchange(
            Self.head([:], adding: [("te", "trailers"), ("x-bin", text)]),
            [[0, 0, 0, 0, 0]]
        )
        #expect(response.data == [0, 0, 0, 0, UInt8(bytes.count)] + bytes)
    }

    @Test func requestCanEndWithTrailers() async throws {
        let response = try await exchange(
            Self.head,
            [[0, 0, 0, 0, 1, 9]],
            trailers: [("x-late", "1")]
        )
        #expect(response.data == [0, 0, 0, 0, 1, 9])
        #expect(response["grpc-status"] == "0")
    }

    // MARK: Bad requests

    @Test(arguments: ["GET", "PUT", "DELETE"])
    func onlyPOSTIsAllowed(_ method: String) async throws {
        let response = try await exchange(Self.head([":method": method]), [])
        #expect(response[":status"] == "405")
    }

    @Test(arguments: [
        "text/plain", "application/grpc-web", "application/grpc+json", "application/grp",
    ])
    func otherContentTypeIsUnsupported(_ type: String) async throws {
        let response = try await exchange(Self.head(["content-type": type]), [[1, 2, 3]])
        #expect(response[":status"] == "415")
    }

    @Test func missingContentTypeIsUnsupported() async throws {
        let response = try await exchange(
            Self.head.filter { $0.name != "content-type" },
            [[0, 0, 0, 0, 0]]
        )
        #expect(response[":status"] == "415")
    }

    @Test(
        arguments: [
            (
                Self.head([":path": "/chord.test.Test/Nothing"]), [[0, 0, 0, 0, 0]], 12,
                "has no method"
            ),
            (Self.head([:], adding: [("grpc-encoding", "snappy")]), [[0, 0, 0, 0, 0]], 12, "gzip"),
            (
                Self.head([:], adding: [("grpc-timeout", "soon")]), [[0, 0, 0, 0, 0]], 13,
                "grpc-timeout"
            ),
            (Self.head([:], adding: [("x-bin", "A")]), [[0, 0, 0, 0, 0]], 13, "base64"),
            (Self.head, [[1, 0, 0, 0, 1, 7]], 13, "compressed"),
            (Self.head, [[2, 0, 0, 0, 1, 7]], 13, "not 0 or 1"),
            (Self.head, [], 13, "without a message"),
            (Self.head, [[]], 13, "without a message"),
            (Self.head, [[0, 0, 0]], 13, "inside its message"),
            (Self.head, [[0, 0, 0, 0, 5, 1]], 13, "inside its message"),
            (Self.head, [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]], 13, "more than one message"),
            (Self.head, [[0, 0, 0, 0, 1, 7], [0, 0, 0, 0, 1, 7]], 13, "more than one message"),
            (Self.head, [[0, 255, 255, 255, 255]], 8, "over the limit"),
        ] as [(Fields, [[UInt8]], Int, String)]
    )
    func malformedRequestIsRefusedWithAReason(
        _ headers: Fields,
        _ body: [[UInt8]],
        _ code: Int,
        _ text: String
    ) async throws {
        let response = try await exchange(headers, body)
        #expect(response[":status"] == "200")
        #expect(response["grpc-status"] == String(code))
        #expect(response["grpc-message"]?.contains(text) == true)
        #expect(response.lists.count == 1)
        #expect(response.data.isEmpty)
    }

    @Test func unsupportedEncodingIsRefusedWithTheSupportedOnes() async throws {
        let response = try await exchange(
            Self.head([:], adding: [("grpc-encoding", "br")]),
            [[0, 0, 0, 0, 0]]
        )
        #expect(response["grpc-accept-encoding"] == "identity,gzip")
    }

    @Test(arguments: ["Silent", "Accepted"])
    func serverEndsOverdueCalls(_ name: String) async throws {
        let response = try await exchange(
            Self.head(
                [":path": "/chord.test.Test/\(name)"],
                adding: [("grpc-timeout", "20m")]
            ),
            [[0, 0, 0, 0, 0]]
        )
        #expect(response[":status"] == "200")
        #expect(response["grpc-status"] == "4")
        #expect(response.lists.count == (name == "Accepted" ? 2 : 1))
    }

    // MARK: Not HTTP/2 at all

    private static let garbage = [
        "HTTP/1.1": "GET / HTTP/1.1\r\n\r\n",
        "half a TLS record": "\u{16}\u{3}\u{1}\u{FF}garbage",
        "70,000 bytes": String(repeating: "x", count: 70_000),
    ]

    @Test(arguments: garbage.keys.sorted())
    func randomBytesOnThePortAreHarmless(_ name: String) async throws {
        let text = try #require(Self.garbage[name])
        let certificates = try await Certificates.get()
        try await TestNode.serving(Self.router, as: certificates.n1) { node, address in
            let port = try #require(node.server.localPort)
            let stranger = try await ClientBootstrap(group: testExecutors.group)
                .connect(host: "127.0.0.1", port: port).get()
            try? await stranger.writeAndFlush(ByteBuffer(string: text)).get()
            try await stranger.closeFuture.get()
            try await TestNode.calling(as: certificates.alice) { client in
                #expect(await client.call(TestMethod.echo, [1], at: address).message == [1])
            }
        }
    }

    @Test func randomBytesInsideTLSAreHarmless() async throws {
        let certificates = try await Certificates.get()
        try await TestNode.serving(Self.router, as: certificates.n1) { node, address in
            let port = try #require(node.server.localPort)
            let stranger = try await RawPeers.connect(
                "127.0.0.1",
                port,
                as: certificates.alice
            ) { raw in raw.write(Array("this is no preface, whatever it may be".utf8)) }
            try await stranger.closeFuture.get()
            try await TestNode.calling(as: certificates.alice) { client in
                #expect(await client.call(TestMethod.echo, [1], at: address).message == [1])
            }
        }
    }

    // MARK: Connections

    @Test func connectionsBeyondTheLimitAreRefused() async throws {
        let certificates = try await Certificates.get()
        var configuration = TransportConfiguration()
        configuration.server.maxConnections = 1
        try await TestNode.serving(
            Self.router,
            as: certificates.n1,
            configuration: configuration
        ) { node, address in
            try await TestNode.calling(as: certificates.alice) { first in
                #expect(await first.call(TestMethod.echo, at: address).status == .ok)
                try await TestNode.calling(as: certificates.n2) { second in
                    let result = await second.call(TestMethod.echo, at: address)
                    #expect(result.status.code == .unavailable)
                    #expect(result.status.origin == .transport)
                }
                #expect(await first.call(TestMethod.echo, at: address).status == .ok)
                #expect(node.server.connectionCount == 1)
            }
        }
    }

    @Test func serverClosesAnIdleConnection() async throws {
        let certificates = try await Certificates.get()
        var configuration = TransportConfiguration()
        configuration.server.idleTimeout = .milliseconds(30)
        configuration.server.drainNotice = .milliseconds(10)
        try await TestNode.serving(
            Self.router,
            as: certificates.n1,
            configuration: configuration
        ) { node, address in
            try await TestNode.calling(as: certificates.alice) { client in
                // A server may find the connection idle before the client has seen that it is open.
                let first = await client.call(TestMethod.echo, at: address, waitingForReady: true)
                #expect(first.status == .ok)
                try await node.server.untilNoConnectionIsLeft()
                // The next call finds a connection of its own.
                let next = await client.call(TestMethod.echo, at: address, waitingForReady: true)
                #expect(next.status == .ok)
            }
        }
    }

    // MARK: Abusive clients

    @Test func incompleteRequestTimesOut() async throws {
        let certificates = try await Certificates.get()
        var configuration = TransportConfiguration()
        configuration.server.stallTimeout = .milliseconds(20)
        try await TestNode.serving(
            Self.router,
            as: certificates.n1,
            configuration: configuration
        ) { _, address in
            let response = try await RawPeers.exchange(
                with: address,
                as: certificates.alice,
                Self.head,
                body: [[0, 0, 0, 0, 9, 1]],
                isEndless: true
            )
            #expect(response["grpc-status"] == "4")
            #expect(response["grpc-message"]?.contains("was not complete") == true)
        }
    }

    @Test func clientThatCausesTooManyResetsIsClosed() async throws {
        let certificates = try await Certificates.get()
        var configuration = TransportConfiguration()
        configuration.limits.maxStreamResets = 5
        configuration.limits.streamResetsPerSecond = 0
        try await TestNode.serving(
            Self.router,
            as: certificates.n1,
            configuration: configuration
        ) { node, address in
            let port = try #require(node.server.localPort)
            let client = try await RawPeers.connect(
                "127.0.0.1",
                port,
                as: certificates.alice,
                role: .client
            ) { raw in
                // Bad from the first byte and never ended: each costs us an answer and a reset.
                for _ in 0..<6 {
                    let list = HTTP2Headers(HTTP2Headers.Prepared(Self.head))
                    guard let stream = try? raw.session?.submitRequest(list) else { return }
                    raw.session?.send(ByteBuffer(bytes: [9, 0, 0, 0, 0]), on: stream)
                }
            }
            try await client.closeFuture.get()
            try await node.server.untilNoConnectionIsLeft()
        }
    }
}
