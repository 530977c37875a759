// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordTestSupport
import NIOCore
import NIOEmbedded
import Testing

@testable import ChordTLS

/// Takes the place of HTTP/2 and records its input.
final class HandlerRecorder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    var reads: [ByteBuffer] = []
    var events: [String] = []
    var errors: [any Error] = []
    var identity: PeerIdentity?
    var whenHandshaken: ((ChannelHandlerContext) -> Void)?

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        reads.append(unwrapInboundIn(data))
        events.append("read")
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let completed = event as? TLSHandshakeCompleted {
            identity = completed.identity
            events.append("handshake")
            whenHandshaken?(context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        errors.append(error)
        events.append("error")
    }

    func channelInactive(context: ChannelHandlerContext) {
        events.append("inactive")
    }

    var error: TLSError? { errors.first as? TLSError }
}

/// A channel with a handler of ours and a recorder behind it, closed when the test lets go of it.
final class HandlerEnd {
    let channel: EmbeddedChannel
    let handler: TLSHandler
    let recorder = HandlerRecorder()

    init(
        _ context: TLSContext,
        _ side: TLSConnection.Side,
        worker: HandshakeWorker? = nil,
        loop: EmbeddedEventLoop
    ) throws {
        handler = TLSHandler(context: context, side: side, worker: worker)
        channel = EmbeddedChannel(loop: loop)
        try channel.pipeline.syncOperations.addHandlers(handler, recorder)
    }

    deinit {
        _ = try? channel.finish(acceptAlreadyClosed: true)
    }

    func connect() throws {
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 50_000)).wait()
    }

    /// Writes to the socket since the last call, one entry each.
    func sent() throws -> [ByteBuffer] {
        var result: [ByteBuffer] = []
        while let buffer = try channel.readOutbound(as: ByteBuffer.self) {
            result.append(buffer)
        }
        return result
    }

    func write(_ text: String) throws {
        channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
        channel.embeddedEventLoop.run()
    }
}

/// A suite that connects two handlers on one embedded event loop.
protocol TLSHandlerSuite {
    var fixtures: TestCertificates { get }
    var loop: EmbeddedEventLoop { get }
}

extension TLSHandlerSuite {
    func ends(
        server: TestAuthority.Issued? = nil,
        client: TestAuthority.Issued? = nil,
        expecting name: String = "n1",
        revocationList: String? = nil,
        worker: HandshakeWorker? = nil
    ) throws -> (server: HandlerEnd, client: HandlerEnd) {
        let server = try HandlerEnd(
            fixtures.context(server ?? fixtures.n1, revocationList: revocationList),
            .server(address: "127.0.0.1:50000"),
            worker: worker,
            loop: loop
        )
        let client = try HandlerEnd(
            fixtures.context(client ?? fixtures.n2),
            .client(
                expected: ExpectedPeer(name: name),
                serverName: "localhost",
                address: "127.0.0.1:7946"
            ),
            loop: loop
        )
        return (server, client)
    }

    /// Passes bytes between the two until neither has any.
    func exchange(_ server: HandlerEnd, _ client: HandlerEnd) throws {
        var isQuiet = false
        while !isQuiet {
            isQuiet = true
            loop.run()
            for (from, to) in [(client, server), (server, client)] {
                for buffer in try from.sent() where to.channel.isActive {
                    isQuiet = false
                    try to.channel.writeInbound(buffer)
                }
            }
        }
    }

    func opened() throws -> (server: HandlerEnd, client: HandlerEnd) {
        let (server, client) = try ends()
        try server.connect()
        try client.connect()
        try exchange(server, client)
        try #require(server.recorder.identity != nil && client.recorder.identity != nil)
        return (server, client)
    }
}
