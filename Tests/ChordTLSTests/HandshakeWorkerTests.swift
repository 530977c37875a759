// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordTestSupport
import NIOCore
import NIOEmbedded
import Synchronization
import Testing

@testable import ChordTLS

/// Handshakes whose steps run beside the loop, at moments that the test chooses.
@Suite(.tags(.unit)) struct HandshakeWorkerTests: TLSHandlerSuite {
    let fixtures: TestCertificates
    let loop = EmbeddedEventLoop()
    private let steps = Steps()

    init() async throws {
        fixtures = try await TestCertificates.get()
    }

    /// Steps that wait for the test.
    private final class Steps: Sendable {
        private let waiting = Mutex<[@Sendable () -> Void]>([])

        var worker: HandshakeWorker {
            HandshakeWorker { [self] work in waiting.withLock { $0.append(work) } }
        }

        var count: Int { waiting.withLock { $0.count } }

        func run() {
            for work in waiting.withLock({ waiting in
                defer { waiting = [] }
                return waiting
            }) {
                work()
            }
        }
    }

    /// Both ends, connected; the client's first bytes wait to be sent.
    private func connected(
        client issued: TestAuthority.Issued? = nil,
        revocationList: String? = nil
    ) throws -> (server: HandlerEnd, client: HandlerEnd) {
        let (server, client) = try ends(
            client: issued,
            revocationList: revocationList,
            worker: steps.worker
        )
        try server.connect()
        try client.connect()
        return (server, client)
    }

    @Test func handshakeTakesTwoSteps() throws {
        let (server, client) = try connected()
        try exchange(server, client)
        #expect(steps.count == 1)
        #expect(server.handler.peerIdentity == nil)
        steps.run()
        loop.run()
        try exchange(server, client)
        // The client is through; the server has its answer, and has not judged it yet.
        #expect(client.recorder.events == ["handshake"])
        #expect(server.recorder.events == [])
        #expect(steps.count == 1)
        steps.run()
        loop.run()
        #expect(server.recorder.events == ["handshake"])
        #expect(server.recorder.identity?.name == "n2")
        try client.write("hello")
        try exchange(server, client)
        #expect(server.recorder.reads.map { String(buffer: $0) } == ["hello"])
        #expect(steps.count == 0)
    }

    @Test func bytesThatComeDuringAStepAreReadAfterIt() throws {
        let (server, client) = try connected()
        try exchange(server, client)
        steps.run()
        loop.run()
        try exchange(server, client)
        // The client takes the connection for open, and calls at once.
        for word in ["one ", "two"] {
            try client.write(word)
            try exchange(server, client)
        }
        #expect(server.recorder.events == [])
        steps.run()
        loop.run()
        #expect(server.recorder.reads.map { String(buffer: $0) } == ["one two"])
        #expect(server.recorder.events == ["handshake", "read"])
    }

    @Test func nothingIsReadFromTheSocketDuringAStep() throws {
        let (server, client) = try ends(worker: steps.worker)
        let socket = ReadCounter()
        try server.channel.pipeline.syncOperations.addHandler(socket, position: .first)
        try server.connect()
        try client.connect()
        try exchange(server, client)
        #expect(steps.count == 1)
        let before = socket.reads
        for _ in 0..<3 { server.channel.read() }
        #expect(socket.reads == before)
        steps.run()
        loop.run()
        #expect(socket.reads > before)
    }

    @Test func revokedClientIsRefusedByAStep() throws {
        let (server, client) = try connected(
            client: fixtures.revoked,
            revocationList: fixtures.list
        )
        for _ in 0..<2 {
            try exchange(server, client)
            steps.run()
        }
        try exchange(server, client)
        #expect(server.recorder.error?.code == .certificateRevoked)
        #expect(server.recorder.identity == nil)
        #expect(client.recorder.error?.code == .peerRefused)
        #expect(steps.count == 0)
        // The time that the client had to read the alert.
        loop.advanceTime(by: .milliseconds(500))
        #expect(!server.channel.isActive)
    }

    @Test("A close, an end of the peer and a deadline do not wait for a step")
    func endsDuringAStep() throws {
        for ending in 0..<4 {
            let (server, client) = try connected()
            try exchange(server, client)
            #expect(steps.count == 1)
            switch ending {
            case 0: server.channel.close(promise: nil)
            case 1:
                server.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
            case 2: loop.advanceTime(by: .minutes(2))
            default: server.channel.pipeline.fireChannelInactive()
            }
            loop.run()
            if ending < 3 { #expect(!server.channel.isActive) }
            #expect(server.handler.connection == nil)
            let events = server.recorder.events
            steps.run()
            loop.run()
            #expect(server.recorder.events == events)
            #expect(server.handler.peerIdentity == nil)
        }
    }

    /// Counts how often the socket is asked for bytes.
    private final class ReadCounter: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer
        var reads = 0

        func read(context: ChannelHandlerContext) {
            reads += 1
            context.read()
        }
    }
}
