// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordTestSupport
import NIOCore
import NIOEmbedded
import Testing

@testable import ChordTLS

/// A channel handler from the handshake to the last byte.
@Suite(.tags(.unit)) struct TLSHandlerTests: TLSHandlerSuite {
    let fixtures: TestCertificates
    let loop = EmbeddedEventLoop()

    init() async throws {
        fixtures = try await TestCertificates.get()
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
}
