// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordIdentity
import ChordRPC
import ChordTLS
import ChordTestSupport
import NIOCore
import Testing

@testable import ChordTransport

/// Compressed messages on the wire: negotiation, sending, refusal.
@Suite("Compression", .tags(.network), .timeLimit(.minutes(5)))
struct CompressionTests {
    private typealias Fields = [(name: String, value: String)]

    private static let text = Array(String(repeating: "all alike, ", count: 1000).utf8)

    private static func configuration(_ compressesAnswers: Bool) -> TransportConfiguration {
        var configuration = TransportConfiguration()
        configuration.server.compressesAnswers = compressesAnswers
        return configuration
    }

    private static func router() -> Router {
        var router = Router()
        StreamService().register(in: &router)
        router.register(TestMethod.echo) { request, call in
            call.reply.append(contentsOf: request)
            return .replied
        }
        router.register(TestMethod.named("Choose"), on: nil) { stream throws(Status) in
            let choice = try await stream.nextMessage()
            try stream.sendHeaders(compressing: choice == [1])
            try await stream.send(Self.text)
            return []
        }
        return router
    }

    private func exchange(
        _ method: RPCMethod,
        _ body: [UInt8],
        adding fields: Fields,
        compressesAnswers: Bool = false
    ) async throws -> RawResponse {
        let certificates = try await Certificates.get()
        return try await TestNode.serving(
            Self.router(),
            as: certificates.n1,
            configuration: Self.configuration(compressesAnswers)
        ) { _, address in
            try await RawPeers.exchange(
                with: address,
                as: certificates.alice,
                ServerWireTests.head([":path": method.path], adding: fields),
                body: [body]
            )
        }
    }

    static let methods = [TestMethod.echo, StreamService.echo]

    // MARK: The server

    @Test(arguments: methods)
    func serverReadsCompressedMessages(_ method: RPCMethod) async throws {
        let body = MessageFraming.frame(Self.text, encoding: .gzip)
        #expect(body[0] == 1)
        let response = try await exchange(method, body, adding: [("grpc-encoding", "gzip")])
        #expect(response["grpc-status"] == "0")
        // The client did not say that it reads them. That the server does, it must be told.
        #expect(response["grpc-encoding"] == nil)
        #expect(response["grpc-accept-encoding"] == "identity,gzip")
        #expect(response.data == MessageFraming.frame(Self.text))
    }

    @Test(arguments: methods)
    func serverReadsUncompressedMessagesAmongCompressedOnes(_ method: RPCMethod) async throws {
        let body = MessageFraming.frame(Self.text)
        let response = try await exchange(method, body, adding: [("grpc-encoding", "gzip")])
        #expect(response.data == body)
    }

    @Test(arguments: methods)
    func serverCompressesWhenAcceptedAndUseful(_ method: RPCMethod) async throws {
        let framed = MessageFraming.frame(Self.text)
        let compressed = try await exchange(
            method,
            framed,
            adding: [("grpc-accept-encoding", "identity, deflate ,gzip")],
            compressesAnswers: true
        )
        #expect(compressed["grpc-encoding"] == "gzip")
        #expect(compressed.data == MessageFraming.frame(Self.text, encoding: .gzip))
        for accepted in ["identity", "gzipped", ""] {
            let plain = try await exchange(
                method,
                framed,
                adding: [("grpc-accept-encoding", accepted)],
                compressesAnswers: true
            )
            #expect(plain["grpc-encoding"] == nil)
            #expect(plain["grpc-accept-encoding"] == nil)
            #expect(plain.data == framed)
        }
        let short = try await exchange(
            method,
            MessageFraming.frame([1]),
            adding: [("grpc-accept-encoding", "gzip")],
            compressesAnswers: true
        )
        #expect(short.data == MessageFraming.frame([1]))
    }

    @Test(arguments: [[1], [0]] as [[UInt8]])
    func handlerCanChooseCompression(_ choice: [UInt8]) async throws {
        let response = try await exchange(
            TestMethod.named("Choose"),
            MessageFraming.frame(choice),
            adding: [("grpc-accept-encoding", "gzip")],
            compressesAnswers: choice == [0]
        )
        #expect(response["grpc-encoding"] == (choice == [1] ? "gzip" : nil))
        #expect(response.data[0] == choice[0])
    }

    @Test(arguments: methods)
    func unsupportedCompressionIsRefused(_ method: RPCMethod) async throws {
        let unknown = try await exchange(
            method,
            MessageFraming.frame([1]),
            adding: [("grpc-encoding", "snappy")]
        )
        #expect(unknown["grpc-status"] == "12")
        #expect(unknown["grpc-accept-encoding"] == "identity,gzip")
        let body = MessageFraming.frame(Self.text, encoding: .gzip)
        for fields in [[], [("grpc-encoding", "identity")]] as [Fields] {
            let unnamed = try await exchange(method, body, adding: fields)
            #expect(unnamed["grpc-status"] == "13")
        }
    }

    @Test(arguments: methods)
    func invalidOrOversizedGzipIsRefused(_ method: RPCMethod) async throws {
        var noise = MessageFraming.frame([UInt8](repeating: 9, count: 40))
        noise[0] = 1
        let broken = try await exchange(method, noise, adding: [("grpc-encoding", "gzip")])
        #expect(broken["grpc-status"] == "13")
        #expect(broken["grpc-accept-encoding"] == "identity,gzip")
        let large = [UInt8](repeating: 0, count: (4 << 20) + 1)
        let bomb = MessageFraming.frame(large, encoding: .gzip)
        #expect(bomb.count < 64 << 10)
        let refused = try await exchange(method, bomb, adding: [("grpc-encoding", "gzip")])
        #expect(refused["grpc-status"] == "8")
    }

    /// An identity's inflated bytes are limited; uncompressed messages, and
    /// those of other identities, are not.
    @Test(arguments: methods)
    func inflatedBytesAreLimited(_ method: RPCMethod) async throws {
        let certificates = try await Certificates.get()
        var configuration = TransportConfiguration()
        configuration.server.limits.inflationBurst = Self.text.count * 3 - 1
        configuration.server.limits.inflatedBytesPerSecond = 0
        try await TestNode.serving(
            Self.router(),
            as: certificates.n1,
            configuration: configuration
        ) { node, address in
            func status(
                _ encoding: MessageEncoding?,
                as caller: TLSContext
            ) async throws -> String? {
                try await RawPeers.exchange(
                    with: address,
                    as: caller,
                    ServerWireTests.head(
                        [":path": method.path],
                        adding: [("grpc-encoding", encoding == nil ? "identity" : "gzip")]
                    ),
                    body: [MessageFraming.frame(Self.text, encoding: encoding)]
                )["grpc-status"]
            }
            // Each on a connection of its own: the account is the identity's.
            var answers: [String?] = []
            for _ in 0..<4 { answers.append(try await status(.gzip, as: certificates.alice)) }
            answers.append(try await status(nil, as: certificates.alice))
            answers.append(try await status(.gzip, as: certificates.n2))
            #expect(answers == ["0", "0", "0", "8", "0", "0"])
            if method == TestMethod.echo { #expect(node.server.count(of: .inflatedBytes) == 1) }
        }
    }

    // MARK: Both sides

    @Test(arguments: [false, true])
    func bothSidesOfACallCompress(_ compressesAnswers: Bool) async throws {
        let certificates = try await Certificates.get()
        try await TestNode.serving(
            Self.router(),
            as: certificates.n1,
            configuration: Self.configuration(compressesAnswers)
        ) { _, address in
            try await TestNode.calling(as: certificates.alice) { client in
                let executor = testExecutors.all[0]
                let target = PeerTarget(address: address, expected: ExpectedPeer(name: "n1"))
                let result: ClientResult = await handedOver { handOver in
                    executor.execute {
                        let call = ClientCall(
                            target: target,
                            method: TestMethod.echo,
                            message: Self.text,
                            deadline: executor.now + .seconds(20),
                            compression: .gzip
                        )
                        client.unary(call, on: executor) { handOver($0) }
                    }
                }
                #expect(result.status == .ok)
                #expect(result.message == Self.text)
                let stream = client.openStream(
                    ClientStreamCall(
                        target: target,
                        method: StreamService.echo,
                        deadline: executor.now + .seconds(20),
                        compression: .gzip
                    ),
                    on: executor
                )
                for message in [Self.text, [1], [], Self.text] {
                    try await stream.send(message)
                    #expect(try await stream.nextMessage() == message)
                }
                stream.finishSending()
                #expect(await stream.status() == .ok)
            }
        }
    }

    // MARK: The client

    @Test(arguments: [("gzip", false), ("snappy", true)])
    func answerWithUnsupportedCompressionIsRefused(_ encoding: String, _ asks: Bool) async throws {
        let certificates = try await Certificates.get()
        let body = MessageFraming.frame(Self.text, encoding: .gzip)
        let status = try await RawPeers.serve(
            as: certificates.n1,
            handler: { _, session, event in
                guard case .data(let stream, _, endStream: true) = event else { return }
                _ = body.withUnsafeBytes {
                    session.submitUnaryResponse(
                        stream: stream,
                        headers: HTTP2Headers(
                            HTTP2Headers.Prepared([
                                (":status", "200"), ("content-type", "application/grpc"),
                                ("grpc-encoding", encoding),
                            ])
                        ),
                        body: $0,
                        trailers: HTTP2Headers(HTTP2Headers.Prepared([("grpc-status", "0")]))
                    )
                }
            }
        ) { address in
            try await TestNode.calling(as: certificates.alice) { client in
                let executor = testExecutors.all[0]
                let stream = client.openStream(
                    ClientStreamCall(
                        target: PeerTarget(
                            address: address,
                            expected: ExpectedPeer(name: "n1")
                        ),
                        method: StreamService.echo,
                        deadline: executor.now + .seconds(20),
                        compression: asks ? .gzip : nil
                    ),
                    on: executor
                )
                stream.finishSending()
                return await stream.status()
            }
        }
        #expect(status.code == .internalError)
        #expect(status.origin == .transport)
    }
}
