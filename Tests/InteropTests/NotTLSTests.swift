// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import ChordTestSupport
import Testing

/// Input to a node's port that is not TLS.
@Suite("Input that is not TLS", .tags(.network), .timeLimit(.minutes(5)))
struct NotTLSTests {
    /// Bytes, and the node's log line about them.
    struct Noise: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var bytes: [UInt8]
        var reason: String
    }

    static let noises =
        [
            Noise(
                testDescription: "HTTP/1.1",
                bytes: Array("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8),
                reason: "notTLS: "
            ),
            Noise(
                testDescription: "HTTP/2 without TLS",
                bytes: Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + [
                    0, 0, 0, 4, 0, 0, 0, 0, 0,
                ],
                reason: "notTLS: "
            ),
            Noise(
                testDescription: "a TLS record of nonsense",
                bytes: [0x16, 3, 1, 0, 32] + (0..<32).map { UInt8($0 * 7 + 9) },
                reason: ": "
            ),
        ]
        + (1...8).map { seed in
            Noise(
                testDescription: "random bytes of seed \(seed)",
                bytes: random(256, seed: seed),
                reason: ": "
            )
        }

    @Test(arguments: noises)
    func randomBytesAreRefusedAndTheNodeContinues(_ noise: Noise) async throws {
        try await Ring.running { ring in
            let answer = try await Self.send(noise.bytes, to: ring.address)
            // At most an alert of TLS: a record of type 21 with two bytes.
            #expect(answer.isEmpty || (answer.first == 21 && answer.count == 7), "\(answer)")
            try await ring.hasLogged("a handshake failed", [noise.reason])
            try await ring.servesAGoodClient()
        }
    }

    /// Random bytes that do not start like a TLS handshake, which the node would wait for.
    private static func random(_ count: Int, seed: Int) -> [UInt8] {
        var generator = SeededGenerator(seed: UInt64(seed))
        var bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        if bytes[0] == 0x16 { bytes[0] = 0x17 }
        return bytes
    }

    /// Sends bytes, and returns all output until the node closes the connection.
    private static func send(_ bytes: [UInt8], to address: String) async throws -> [UInt8] {
        let parts = address.split(separator: ":")
        let port = try #require(Int(parts[1]))
        let received = NIOLockedValueBox<[UInt8]>([])
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Collector(received))
                }
            }
            .connect(host: String(parts[0]), port: port).get()
        // The node may have refused, and closed, before all is written.
        try? await channel.writeAndFlush(ByteBuffer(bytes: bytes)).get()
        try await channel.closeFuture.get()
        return received.withLockedValue { $0 }
    }
}

/// Collects what is received; a reset is an end like any other.
private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let received: NIOLockedValueBox<[UInt8]>

    init(_ received: NIOLockedValueBox<[UInt8]>) {
        self.received = received
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        received.withLockedValue { $0 += buffer.readableBytesView }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
