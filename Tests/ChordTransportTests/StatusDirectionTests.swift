// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordRPC
import NIOConcurrencyHelpers
import NIOCore
import ChordTestSupport
import Testing

@testable import ChordTransport

/// Statuses and resets from the server's side; `ClientWireTests` has the client's.
@Suite("Statuses between client and server", .tags(.network), .timeLimit(.minutes(5)))
struct StatusDirectionTests {
    /// Every code arrives as it was meant, ahead of the response's headers and behind them.
    @Test(arguments: (1...16).map { StatusCode(rawValue: $0) }, [true, false])
    func statusReachesTheOtherSide(_ code: StatusCode, _ isAccepted: Bool) async throws {
        let certificates = try await Certificates.get()
        var router = Router()
        let method = TestMethod.named("Fail")
        router.register(method) { _, call in
            let responder = call.makeResponder()
            if isAccepted { responder.accept() }
            responder.fail(Status(code, "on purpose"))
            return .deferred
        }
        try await TestNode.serving(router, as: certificates.n1) { _, address in
            try await TestNode.calling(as: certificates.n2) { client in
                let status = await client.call(method, at: address).status
                #expect(status.code == code)
                #expect(status.message == "on purpose")
                #expect(status.origin == .peer)
            }
        }
    }

    /// Whatever code a client resets a stream with: nobody waits for the answer any more.
    @Test(arguments: StatusMapping.resets.map(\.number))
    func resetCancelsTheCall(_ code: UInt32) async throws {
        let certificates = try await Certificates.get()
        let cancelled = Watched(0)
        let kept = NIOLockedValueBox<[Responder]>([])
        var router = Router()
        router.register(TestMethod.named("Hold")) { _, call in
            let responder = call.makeResponder()
            responder.onCancel { cancelled.withLockedValue { $0 += 1 } }
            kept.withLockedValue { $0.append(responder) }
            return .deferred
        }
        try await TestNode.serving(router, as: certificates.n1) { node, _ in
            let port = try #require(node.server.localPort)
            let channel = try await RawPeers.connect(
                "127.0.0.1",
                port,
                as: certificates.alice,
                role: .client
            ) { raw in
                let list = HTTP2Headers(HTTP2Headers.Prepared(Self.head))
                guard let session = raw.session, let stream = try? session.submitRequest(list)
                else { return }
                session.send(
                    ByteBuffer(bytes: MessageFraming.frame([])),
                    on: stream,
                    endStream: true
                )
                raw.flush()
                session.reset(stream: stream, errorCode: HTTP2ErrorCode(rawValue: code))
            }
            try await cancelled.until { $0 == 1 }
            // The connection outlives its streams.
            #expect(node.server.connectionCount == 1)
            #expect(channel.isActive)
            try await channel.close().get()
        }
    }

    private static let head = [
        (name: ":method", value: "POST"), (name: ":scheme", value: "https"),
        (name: ":path", value: "/chord.test.Test/Hold"), (name: ":authority", value: "n1"),
        (name: "content-type", value: "application/grpc"), (name: "te", value: "trailers"),
    ]
}
