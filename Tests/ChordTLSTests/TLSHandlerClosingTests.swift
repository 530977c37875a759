// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordTestSupport
import NIOCore
import NIOEmbedded
import Testing

@testable import ChordTLS

/// How a channel handler ends its connection, or refuses it.
@Suite(.tags(.unit)) struct TLSHandlerClosingTests: TLSHandlerSuite {
    let fixtures: TestCertificates
    let loop = EmbeddedEventLoop()

    init() async throws {
        fixtures = try await TestCertificates.get()
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
        let end = try HandlerEnd(
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
        let end = try HandlerEnd(
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
        let end = try HandlerEnd(
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
