// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import ChordIdentity
import NIOCore
import ChordTestSupport
import Testing

@testable import ChordTLS

@Suite(.tags(.unit)) struct TLSConnectionTests {
    let fixtures: TestCertificates

    init() async throws {
        fixtures = try await TestCertificates.get()
    }

    /// Shared by many cases, because contexts are expensive.
    private static let contexts = Result {
        let fixtures = try TestCertificates.shared.get()
        return try (fixtures.context(fixtures.n1), fixtures.context(fixtures.n2))
    }

    private func pair() throws -> (server: TLSConnection, client: TLSConnection) {
        let server = try TLSConnection.server(fixtures.context(fixtures.n1))
        let client = try TLSConnection.client(
            fixtures.context(fixtures.n2),
            expecting: ExpectedPeer(name: "n1")
        )
        let outcome = handshake(server: server, client: client)
        try #require(outcome.serverError == nil && outcome.clientError == nil)
        return (server, client)
    }

    /// Bytes without a short period, the same on every run.
    private func pattern(_ count: Int, seed: UInt64) -> ByteBuffer {
        var state = seed
        var buffer = ByteBuffer()
        for _ in 0..<(count + 7) / 8 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            buffer.writeInteger(state)
        }
        return buffer.getSlice(at: 0, length: count) ?? ByteBuffer()
    }

    @Test(arguments: [0, 1, 16_383, 16_384, 16_385, 5 << 20])
    func plaintextArrivesUnchangedInBothDirections(_ count: Int) throws {
        let (server, client) = try pair()
        for (writer, reader) in [(server, client), (client, server)] {
            let sent = pattern(count, seed: UInt64(count) + 1)
            try writer.write(sent)
            writer.drainCiphertext { reader.feed($0) }
            var received = ByteBuffer()
            #expect(try reader.read(into: &received) == .needsMore)
            #expect(received == sent)
        }
    }

    @Test func handshakeAndDataWorkByteByByte() throws {
        let server = try TLSConnection.server(fixtures.context(fixtures.n1))
        let client = try TLSConnection.client(
            fixtures.context(fixtures.n2),
            expecting: ExpectedPeer(name: "n1")
        )
        var received = ByteBuffer()
        func drip(_ from: TLSConnection, _ to: TLSConnection) throws {
            for byte in from.takeCiphertext().readableBytesView {
                to.feed(ByteBuffer(integer: byte))
                if try to.advanceHandshake() {
                    _ = try to.read(into: &received)
                }
            }
        }
        _ = try client.advanceHandshake()
        try drip(client, server)
        try drip(server, client)
        try drip(client, server)
        #expect(server.state == .open)
        #expect(client.state == .open)
        let sent = pattern(40_000, seed: 7)
        try server.write(sent)
        try drip(server, client)
        #expect(received == sent)
    }

    @Test(arguments: [1 as UInt64, 2, 3])
    func ciphertextCanBeSplitAnywhere(_ seed: UInt64) throws {
        let (server, client) = try pair()
        let sent = pattern(300_000, seed: seed)
        try client.write(sent)
        var ciphertext = client.takeCiphertext()
        var state = seed
        var received = ByteBuffer()
        while ciphertext.readableBytes > 0 {
            state = state &* 6_364_136_223_846_793_005 &+ 1
            let count = min(ciphertext.readableBytes, Int(state >> 50) + 1)
            server.feed(ciphertext.readSlice(length: count) ?? ByteBuffer())
            // Sometimes two pieces arrive before a read.
            if state >> 63 == 0 {
                _ = try server.read(into: &received)
            }
        }
        _ = try server.read(into: &received)
        #expect(received == sent)
    }

    @Test func smallWritesShareARecord() throws {
        let (server, client) = try pair()
        try client.write(ByteBuffer(string: "one "))
        try client.write(ByteBuffer(string: "two"))
        let ciphertext = client.takeCiphertext()
        #expect(!client.hasCiphertext)
        server.feed(ciphertext)
        var received = ByteBuffer()
        _ = try server.read(into: &received)
        #expect(String(buffer: received) == "one two")
    }

    @Test func writesDuringADrainAreNotLost() throws {
        let (server, client) = try pair()
        try client.write(ByteBuffer(string: "first "))
        var pieces: [ByteBuffer] = []
        client.drainCiphertext { first in
            pieces.append(first)
            try? client.write(ByteBuffer(string: "second"))
            client.drainCiphertext { pieces.append($0) }
        }
        #expect(pieces.count == 2)
        pieces.forEach(server.feed)
        var received = ByteBuffer()
        _ = try server.read(into: &received)
        #expect(String(buffer: received) == "first second")
    }

    @Test func closeNotifyEndsTheStreamWithoutError() throws {
        let (server, client) = try pair()
        try client.write(ByteBuffer(string: "last words"))
        client.shutdown()
        client.shutdown()
        #expect(client.state == .closing)
        client.drainCiphertext { server.feed($0) }
        var received = ByteBuffer()
        #expect(try server.read(into: &received) == .peerClosed)
        #expect(String(buffer: received) == "last words")
        #expect(throws: TLSError.self) { try client.write(ByteBuffer(string: "more")) }
    }

    @Test func changedByteIsDetected() throws {
        let (server, client) = try pair()
        try client.write(ByteBuffer(string: "intact"))
        var first = client.takeCiphertext()
        try client.write(ByteBuffer(string: "changed"))
        var second = client.takeCiphertext()
        let index = second.writerIndex - 1
        second.setInteger(
            (second.getInteger(at: index, as: UInt8.self) ?? 0) ^ 1,
            at: index
        )
        first.writeBuffer(&second)
        server.feed(first)
        var received = ByteBuffer()
        do throws(TLSError) {
            _ = try server.read(into: &received)
            Issue.record("the changed record was accepted")
        } catch {
            #expect(error.code == .malformed)
        }
        // Earlier data is delivered, and the peer gets an alert.
        #expect(String(buffer: received) == "intact")
        #expect(server.state == .closed)
        client.feed(server.takeCiphertext())
        do throws(TLSError) {
            _ = try client.read(into: &received)
            Issue.record("no alert came")
        } catch {
            #expect(error.code == .peerAlert)
            #expect(
                error.message
                    == "127.0.0.1:7946 ended the connection: alert bad record mac (20): "
                    + "bytes were damaged on the way, or one of the two programs breaks the protocol"
            )
        }
    }

    @Test func keyUpdateIsAnswered() throws {
        let server = try TLSConnection.server(fixtures.context(fixtures.n1))
        let rogue = RoguePeer(.init(certificate: fixtures.n2))
        #expect(handshake(server, with: rogue) == nil)
        rogue.renegotiateKeys()
        rogue.write(Array("after".utf8))
        server.feed(ByteBuffer(bytes: rogue.take()))
        var received = ByteBuffer()
        #expect(try server.read(into: &received) == .needsMore)
        #expect(String(buffer: received) == "after")
        try server.write(ByteBuffer(string: "x"))
        #expect(server.hasCiphertext)
        #expect(server.state == .open)
    }

    static let garbage: [(String, [UInt8], TLSError.Code)] = [
        ("HTTP/1", Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8), .notTLS),
        ("HTTP/2", Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8), .notTLS),
        ("zeros", [UInt8](repeating: 0, count: 64), .notTLS),
        ("ones", [UInt8](repeating: 0xFF, count: 64), .notTLS),
        ("empty records", (0..<64).flatMap { _ in [22, 3, 1, 0, 0] as [UInt8] }, .malformed),
        ("absurd record", [22, 3, 1, 0xFF, 0xFF] + [UInt8](repeating: 1, count: 100), .malformed),
        (
            "absurd handshake message",
            [22, 3, 1, 0, 10, 1, 0xFF, 0xFF, 0xFF, 3, 3, 0, 0, 0, 0], .malformed
        ),
        ("application data first", [23, 3, 3, 0, 5, 1, 2, 3, 4, 5], .malformed),
        (
            "SSLv2 hello", [0x80, 0x2E, 1, 0, 2, 0, 0x15] + [UInt8](repeating: 0, count: 60),
            .malformed
        ),
    ]

    @Test(arguments: garbage)
    func randomInputIsAnErrorAndNoCrash(
        _ name: String,
        _ bytes: [UInt8],
        _ code: TLSError.Code
    ) throws {
        let server = try TLSConnection.server(fixtures.context(fixtures.n1))
        server.feed(ByteBuffer(bytes: bytes))
        do throws(TLSError) {
            _ = try server.advanceHandshake()
            Issue.record("garbage was accepted")
        } catch {
            #expect(error.code == code, "\(error)")
            #expect(error.message.contains("127.0.0.1:50000"))
        }
        #expect(server.state == .closed)
        // The connection stays ended.
        #expect(try server.advanceHandshake() == false)
        var plaintext = ByteBuffer()
        #expect(try server.read(into: &plaintext) == .needsMore)
    }

    @Test func clientNamesAPlaintextServer() throws {
        let client = try TLSConnection.client(
            fixtures.context(fixtures.n1),
            expecting: ExpectedPeer(name: "n2")
        )
        _ = try client.advanceHandshake()
        _ = client.takeCiphertext()
        client.feed(ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\n\r\n"))
        do throws(TLSError) {
            _ = try client.advanceHandshake()
            Issue.record("plain HTTP was accepted")
        } catch {
            #expect(error.code == .notTLS)
        }
    }

    @Test(arguments: 0..<64)
    func damagedClientHelloIsAnErrorAndNoCrash(_ seed: Int) throws {
        let (n1, n2) = try Self.contexts.get()
        let client = try TLSConnection.client(n2, expecting: ExpectedPeer(name: "n1"))
        let server = try TLSConnection.server(n1)
        _ = try client.advanceHandshake()
        var hello = Array(client.takeCiphertext().readableBytesView)
        var state = UInt64(seed) &+ 99
        for _ in 0...(seed % 8) {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            hello[Int(state >> 33) % hello.count] = UInt8(truncatingIfNeeded: state >> 20)
        }
        server.feed(ByteBuffer(bytes: hello))
        _ = try? server.advanceHandshake()
        // Damage to unused bytes is not detected, but never yields an identity.
        #expect(server.state != .open)
        #expect(server.peerIdentity == nil)
    }
}
