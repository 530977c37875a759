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
private final class Recorder: ChannelInboundHandler {
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
private final class End {
    let channel: EmbeddedChannel
    let handler: TLSHandler
    let recorder = Recorder()

    init(_ context: TLSContext, _ side: TLSConnection.Side, loop: EmbeddedEventLoop) throws {
        handler = TLSHandler(context: context, side: side)
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

@Suite(.tags(.unit)) struct TLSHandlerTests {
    let fixtures: Fixtures
    let loop = EmbeddedEventLoop()

    init() async throws {
        fixtures = try await Fixtures.get()
    }

    private func ends(
        server: TestAuthority.Issued? = nil,
        client: TestAuthority.Issued? = nil,
        expecting name: String = "n1",
        revocationList: String? = nil
    ) throws -> (server: End, client: End) {
        let server = try End(
            fixtures.context(server ?? fixtures.n1, revocationList: revocationList),
            .server(address: "127.0.0.1:50000"),
            loop: loop
        )
        let client = try End(
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
    private func exchange(_ server: End, _ client: End) throws {
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

    private func opened() throws -> (server: End, client: End) {
        let (server, client) = try ends()
        try server.connect()
        try client.connect()
        try exchange(server, client)
        try #require(server.recorder.identity != nil && client.recorder.identity != nil)
        return (server, client)
    }

    @Test func bothEndsReceiveTheHandshakeEventWithThePeer() throws {
        let (server, client) = try opened()
        #expect(server.recorder.events == ["handshake"])
        #expect(client.recorder.events == ["handshake"])
        #expect(server.recorder.identity?.name == "n2")
        #expect(client.recorder.identity?.name == "n1")
        #expect(server.handler.peerIdentity == server.recorder.identity)
        try client.write("hello")
        try exchange(server, client)
        #expect(server.recorder.reads.map { String(buffer: $0) } == ["hello"])
        try server.write("good day")
        try exchange(server, client)
        #expect(client.recorder.reads.map { String(buffer: $0) } == ["good day"])
    }

    @Test func handlerStartsOnAnActiveChannel() throws {
        let channel = EmbeddedChannel(loop: loop)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 7_946)).wait()
        let handler = TLSHandler(
            context: try fixtures.context(fixtures.n1),
            side: .client(
                expected: ExpectedPeer(name: "n2"),
                serverName: nil,
                address: "127.0.0.1:7946"
            )
        )
        try channel.pipeline.syncOperations.addHandler(handler)
        #expect(try channel.readOutbound(as: ByteBuffer.self) != nil)
        _ = try channel.finish(acceptAlreadyClosed: true)
    }

    @Test func recordsOfOneReadAreDeliveredAsOneRead() throws {
        let (server, client) = try opened()
        for word in ["one ", "two ", "three"] {
            try client.write(word)
        }
        let records = try client.sent()
        #expect(records.count == 3)
        for record in records {
            server.channel.pipeline.fireChannelRead(record)
        }
        #expect(server.recorder.reads.isEmpty)
        server.channel.pipeline.fireChannelReadComplete()
        #expect(server.recorder.reads.map { String(buffer: $0) } == ["one two three"])
    }

    @Test func everythingBeforeAFlushIsOneWriteToTheSocket() throws {
        let (server, client) = try opened()
        let promises = (0..<3).map { _ in client.channel.eventLoop.makePromise(of: Void.self) }
        for (index, promise) in promises.enumerated() {
            client.channel.write(ByteBuffer(string: "\(index) "), promise: promise)
        }
        loop.run()
        #expect(try client.sent().isEmpty)
        client.channel.flush()
        loop.run()
        for promise in promises {
            try promise.futureResult.wait()
        }
        let records = try client.sent()
        #expect(records.count == 1)
        for record in records {
            try server.channel.writeInbound(record)
        }
        #expect(server.recorder.reads.map { String(buffer: $0) } == ["0 1 2 "])
    }

    @Test func retainedBufferIsNotOverwritten() throws {
        let (server, client) = try opened()
        for word in ["alpha", "beta", "gamma"] {
            try client.write(word)
            try exchange(server, client)
        }
        #expect(server.recorder.reads.map { String(buffer: $0) } == ["alpha", "beta", "gamma"])
    }

    /// Buffers are kept under load and released when idle, repeatedly.
    @Test func idleConnectionReleasesItsBuffers() throws {
        let (server, client) = try opened()
        var expected = ""
        for round in 0..<3 {
            for number in 0..<100 {
                expected += "\(round).\(number) "
                try client.write("\(round).\(number) ")
                try exchange(server, client)
            }
            for end in [server, client] {
                try end.channel.pipeline.syncOperations.handler(type: TLSHandler.self)
                    .releaseMemory()
            }
        }
        #expect(server.recorder.reads.map { String(buffer: $0) }.joined() == expected)
        #expect(server.recorder.errors.isEmpty)
    }

    @Test func writesBeforeTheHandshakeAreSentAfterIt() throws {
        let (server, client) = try ends()
        try server.connect()
        try client.connect()
        let promise = client.channel.eventLoop.makePromise(of: Void.self)
        client.channel.writeAndFlush(ByteBuffer(string: "early"), promise: promise)
        try exchange(server, client)
        try promise.futureResult.wait()
        #expect(server.recorder.reads.map { String(buffer: $0) } == ["early"])
    }

    @Test func writesInTheHandshakeEventLeaveWithTheLastFlight() throws {
        let (server, client) = try ends()
        client.recorder.whenHandshaken = { context in
            context.writeAndFlush(NIOAny(ByteBuffer(string: "preface")), promise: nil)
        }
        try server.connect()
        try client.connect()
        for buffer in try client.sent() { try server.channel.writeInbound(buffer) }
        for buffer in try server.sent() { try client.channel.writeInbound(buffer) }
        let last = try client.sent()
        #expect(last.count == 1)
        for buffer in last { try server.channel.writeInbound(buffer) }
        #expect(server.recorder.events == ["handshake", "read"])
        #expect(server.recorder.reads.map { String(buffer: $0) } == ["preface"])
    }

    @Test func megabytesArriveUnchanged() throws {
        let (server, client) = try opened()
        func pattern(_ seed: Int) -> ByteBuffer {
            var buffer = ByteBuffer()
            for index in 0..<(3 << 17) { buffer.writeInteger(index &* 0x9E37_79B9 &+ seed) }
            return buffer
        }
        func joined(_ buffers: [ByteBuffer]) -> ByteBuffer {
            var result = ByteBuffer()
            buffers.forEach { result.writeImmutableBuffer($0) }
            return result
        }
        client.channel.writeAndFlush(pattern(1), promise: nil)
        server.channel.writeAndFlush(pattern(2), promise: nil)
        try exchange(server, client)
        #expect(joined(server.recorder.reads) == pattern(1))
        #expect(joined(client.recorder.reads) == pattern(2))
    }

    // MARK: Ends

    @Test func closeSendsCloseNotify() throws {
        let (server, client) = try opened()
        let closed = client.channel.close()
        try exchange(server, client)
        try closed.wait()
        loop.run()
        #expect(client.recorder.events.last == "inactive")
        #expect(server.recorder.events.last == "inactive")
        #expect(server.recorder.errors.isEmpty)
        #expect(client.recorder.errors.isEmpty)
        #expect(!server.channel.isActive)
    }

    @Test func endWithoutCloseNotifyIsATruncation() throws {
        let (server, client) = try opened()
        try client.write("half a")
        let records = try client.sent()
        for record in records { server.channel.pipeline.fireChannelRead(record) }
        server.channel.pipeline.fireChannelInactive()
        #expect(server.recorder.events.suffix(3) == ["read", "error", "inactive"])
        #expect(server.recorder.error?.code == .truncated)
        #expect(
            server.recorder.error?.message
                == "127.0.0.1:50000 ended the connection without a close_notify"
        )
    }

    @Test func halfCloseWithoutCloseNotifyIsATruncation() throws {
        let (server, _) = try opened()
        server.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        loop.run()
        #expect(server.recorder.error?.code == .truncated)
        #expect(!server.channel.isActive)
    }

    @Test func endDuringTheHandshakeIsAnError() throws {
        let (server, client) = try ends()
        try server.connect()
        try client.connect()
        server.channel.pipeline.fireChannelInactive()
        #expect(server.recorder.error?.code == .handshakeFailed)
    }

    @Test func writeAfterTheEndFails() throws {
        let (_, client) = try opened()
        let unflushed = client.channel.eventLoop.makePromise(of: Void.self)
        client.channel.write(ByteBuffer(string: "never flushed"), promise: unflushed)
        client.channel.close(promise: nil)
        loop.run()
        #expect(throws: TLSError.self) { try unflushed.futureResult.wait() }
        #expect(throws: (any Error).self) {
            try client.channel.writeAndFlush(ByteBuffer(string: "late")).wait()
        }
    }

    @Test func halfCloseIsNotSupported() throws {
        let (_, client) = try opened()
        let result = client.channel.close(mode: .output)
        loop.run()
        #expect(throws: ChannelError.self) { try result.wait() }
        #expect(client.channel.isActive)
    }

    // MARK: Refusals

    @Test func silentPeerExceedsTheHandshakeDeadline() throws {
        var configuration = fixtures.configuration(fixtures.n1)
        configuration.handshakeTimeout = .seconds(3)
        let end = try End(
            try TLSContext(configuration: configuration),
            .server(address: "127.0.0.1:50000"),
            loop: loop
        )
        try end.connect()
        loop.advanceTime(by: .milliseconds(2_999))
        #expect(end.recorder.errors.isEmpty)
        #expect(end.channel.isActive)
        loop.advanceTime(by: .milliseconds(1))
        #expect(end.recorder.error?.code == .handshakeTimeout)
        #expect(
            end.recorder.error?.message
                == "the handshake with 127.0.0.1:50000 took longer than 3.0 seconds"
        )
        #expect(!end.channel.isActive)
    }

    @Test func handshakeDeadlineEndsWithTheHandshake() throws {
        let (server, client) = try opened()
        loop.advanceTime(by: .hours(1))
        #expect(server.channel.isActive)
        #expect(client.channel.isActive)
        #expect(server.recorder.errors.isEmpty)
    }

    @Test func refusedClientHasTimeToReadTheAlert() throws {
        let (server, client) = try ends(
            client: fixtures.revoked,
            revocationList: fixtures.list
        )
        try server.connect()
        try client.connect()
        for buffer in try client.sent() { try server.channel.writeInbound(buffer) }
        for buffer in try server.sent() { try client.channel.writeInbound(buffer) }
        // The client has no error yet: TLS 1.3 verifies clients last.
        #expect(client.recorder.events == ["handshake"])
        for buffer in try client.sent() { try server.channel.writeInbound(buffer) }
        #expect(server.recorder.error?.code == .certificateRevoked)
        #expect(server.recorder.identity == nil)
        // A close waits for the end of the grace period.
        let closed = server.channel.close()
        loop.run()
        #expect(server.channel.isActive)
        for buffer in try server.sent() { try client.channel.writeInbound(buffer) }
        loop.run()
        #expect(client.recorder.error?.code == .peerRefused)
        #expect(!client.channel.isActive)
        loop.advanceTime(by: .milliseconds(500))
        #expect(!server.channel.isActive)
        try closed.wait()
    }

    @Test func clientThatRefusesSendsAnAlert() throws {
        let (server, client) = try ends(server: fixtures.n3)
        try server.connect()
        try client.connect()
        try exchange(server, client)
        #expect(
            client.recorder.error?.message
                == "certificate presented by 127.0.0.1:7946 names node n3, expected n1"
        )
        #expect(server.recorder.error?.code == .peerRefused)
        #expect(!client.channel.isActive)
        #expect(!server.channel.isActive)
    }

    @Test func plaintextHTTPIsRefused() throws {
        let end = try End(
            try fixtures.context(fixtures.n1),
            .server(address: "127.0.0.1:50000"),
            loop: loop
        )
        try end.connect()
        try end.channel.writeInbound(ByteBuffer(string: "GET / HTTP/1.1\r\n\r\n"))
        #expect(end.recorder.error?.code == .notTLS)
        #expect(
            end.recorder.error?.message
                == "127.0.0.1:50000 sent plain HTTP where TLS is expected"
        )
        loop.advanceTime(by: .seconds(1))
        #expect(!end.channel.isActive)
    }

    @Test func invalidServerNameFailsTheConnection() throws {
        let end = try End(
            try fixtures.context(fixtures.n1),
            .client(
                expected: ExpectedPeer(name: "n2"),
                serverName: String(repeating: "a", count: 300),
                address: "a:1"
            ),
            loop: loop
        )
        _ = try? end.connect()
        loop.run()
        #expect(end.recorder.error?.code == .invalidConfiguration)
        #expect(!end.channel.isActive)
    }
}
