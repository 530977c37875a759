// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordIdentity
import ChordRPC
import ChordTLS
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import ChordTestSupport
import Testing

@testable import ChordTransport

/// What a client can make a server hold, and for how long.
@Suite("Memory held for a client", .tags(.network), .timeLimit(.minutes(5)))
struct HeldMemoryTests {
    private static let small = TestMethod.named("Small", maximumMessageBytes: 64 << 10)

    private static var router: Router {
        var router = Router()
        router.register(TestMethod.echo) { request, call in
            call.reply.append(contentsOf: request)
            return .replied
        }
        router.register(small) { request, call in
            call.reply.append(contentsOf: request)
            return .replied
        }
        router.register(TestMethod.named("Large")) { _, call in
            call.reply.append(contentsOf: [UInt8](repeating: 7, count: 10_000))
            return .replied
        }
        return router
    }

    /// What a raw client has seen of its streams.
    private struct Seen: Sendable {
        var statuses: [Int32: String] = [:]
        var closed: [Int32: HTTP2ErrorCode] = [:]
        var order: [Int32] = []
        var isOver = false
    }

    /// Does something with the raw client, on its loop.
    private typealias Run = @Sendable (@escaping @Sendable (RawHTTP2) -> Void) -> Void

    /// A raw client with a connection of its own for the time of `body`.
    private static func client(
        of address: String,
        window: Int32 = 1 << 20,
        _ begin: @escaping @Sendable (RawHTTP2, HTTP2Session) -> [Int32],
        _ body: (Watched<Seen>, @escaping Run) async throws -> Void
    ) async throws {
        let target = try NetworkAddress(address)
        let certificates = try await Certificates.get()
        let loop = testExecutors.all[1].eventLoop
        let seen = Watched(Seen())
        let made = NIOLockedValueBox<RawHTTP2?>(nil)
        let channel = try await ClientBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let raw = RawHTTP2(
                        role: .client,
                        limits: HTTP2Limits(initialStreamWindow: window),
                        onReady: { raw in
                            guard let session = raw.session else { return }
                            let streams = begin(raw, session)
                            seen.withLockedValue { $0.order = streams }
                        },
                        onEnd: { seen.withLockedValue { $0.isOver = true } }
                    ) { _, session, event in
                        switch event {
                        case .headers(let stream, let block, _, _):
                            let list = RawPeers.fields(block, session)
                            if let status = list["grpc-status"] {
                                seen.withLockedValue { $0.statuses[stream] = status }
                            }
                        case .streamClosed(let stream, let code):
                            seen.withLockedValue { $0.closed[stream] = code }
                        default: break
                        }
                    }
                    made.withLockedValue { $0 = raw }
                    try channel.pipeline.syncOperations.addHandlers([
                        TLSHandler(
                            context: certificates.alice,
                            side: .client(
                                expected: ExpectedPeer(name: "n1"),
                                serverName: nil,
                                address: address
                            )
                        ), raw,
                    ])
                }
            }
            .connect(host: target.host, port: target.port).get()
        do {
            try await body(seen) { work in
                loop.execute { if let raw = made.withLockedValue({ $0 }) { work(raw) } }
            }
            try? await channel.close().get()
        } catch {
            try? await channel.close().get()
            throw error
        }
    }

    private static func head(_ method: String) -> HTTP2Headers {
        HTTP2Headers(
            HTTP2Headers.Prepared(ServerWireTests.head([":path": "/chord.test.Test/\(method)"]))
        )
    }

    /// A message of so many bytes of which so few come.
    private static func beginning(of count: Int, sent: Int) -> ByteBuffer {
        var framed = [UInt8](repeating: 1, count: MessageFraming.prefixBytes + sent)
        MessageFraming.writePrefix(count: count, into: &framed, at: 0)
        return ByteBuffer(bytes: framed)
    }

    // MARK: Requests

    /// The method's limit is known before a byte of the message is held.
    @Test func messageOverItsMethodsLimitIsRefusedAtItsPrefix() async throws {
        let certificates = try await Certificates.get()
        try await TestNode.serving(Self.router, as: certificates.n1) { node, address in
            try await Self.client(of: address) { _, session in
                let streams = (0..<198).compactMap { _ in
                    try? session.submitRequest(Self.head("Small"))
                }
                for stream in streams {
                    session.send(Self.beginning(of: 4 << 20, sent: 1000), on: stream)
                }
                return streams
            } _: { seen, _ in
                try await seen.until { $0.closed.count == 198 }
                #expect(seen.withLockedValue { Set($0.statuses.values) } == ["8"])
                #expect(seen.withLockedValue { Set($0.closed.values) } == [.noError])
            }
            #expect(node.server.count(of: .messageSize) == 198)
            #expect(node.server.shared.budgets.heldBytes.inUse == 0)
        }
    }

    /// Where the method takes long messages, it is the connection's bound that holds.
    @Test func incompleteMessagesAreHeldUpToTheLimit() async throws {
        let certificates = try await Certificates.get()
        var configuration = TransportConfiguration()
        configuration.server.limits.maxHeldBytesPerConnection = 1 << 20
        let most = NIOLockedValueBox(0)
        try await TestNode.serving(
            Self.router,
            as: certificates.n1,
            configuration: configuration
        ) { node, address in
            try await Self.client(of: address) { _, session in
                let streams = (0..<198).compactMap { _ in
                    try? session.submitRequest(Self.head("Echo"))
                }
                for stream in streams {
                    session.send(Self.beginning(of: 4 << 20, sent: 20_000), on: stream)
                }
                return streams
            } _: { seen, _ in
                try await eventually {
                    let used = node.server.shared.budgets.heldBytes.inUse
                    most.withLockedValue { $0 = max($0, used) }
                    return node.server.count(of: .heldBytesPerConnection) > 100
                }
                // What is refused is refused because of the bound, and what is held goes on.
                #expect(seen.withLockedValue { Set($0.statuses.values) }.isSubset(of: ["8"]))
                #expect(seen.withLockedValue { !$0.isOver })
            }
            #expect(most.withLockedValue { $0 } <= 1 << 20)
            try await eventually {
                node.server.shared.budgets.heldBytes.inUse == 0
            }
        }
    }

    // MARK: Answers

    /// Streams whose window stays shut are reset by their own clock, while calls beside them go on.
    @Test func unreadAnswersAreResetEvenIfTheClientIsActive() async throws {
        let certificates = try await Certificates.get()
        var configuration = TransportConfiguration()
        configuration.server.stallTimeout = .seconds(1)
        try await TestNode.serving(
            Self.router,
            as: certificates.n1,
            configuration: configuration
        ) { node, address in
            try await Self.client(of: address, window: 0) { _, session in
                let streams = (0..<50).compactMap { _ in
                    try? session.submitRequest(Self.head("Large"))
                }
                for stream in streams {
                    session.send(Self.beginning(of: 0, sent: 0), on: stream, endStream: true)
                }
                return streams
            } _: { seen, run in
                let calls = NIOLockedValueBox(0)
                try await eventually {
                    // An ordinary call every few milliseconds, whose answer needs no window.
                    run { raw in
                        _ = try? raw.session?.submitRequest(Self.head("Nowhere"), endStream: true)
                        raw.flush()
                        calls.withLockedValue { $0 += 1 }
                    }
                    return seen.withLockedValue { seen in
                        seen.order.count == 50
                            && seen.order.allSatisfy { seen.closed[$0] == .enhanceYourCalm }
                    }
                }
                #expect(calls.withLockedValue { $0 } > 10)
                #expect(seen.withLockedValue { !$0.isOver })
            }
            #expect(node.server.count(of: .outputTime) == 50)
        }
    }

    /// No new call is taken while the client does not read its answers.
    @Test func unreadAnswersAreHeldUpToTheLimit() async throws {
        let certificates = try await Certificates.get()
        var configuration = TransportConfiguration()
        configuration.server.limits.maxHeldBytesPerConnection = 100_000
        try await TestNode.serving(
            Self.router,
            as: certificates.n1,
            configuration: configuration
        ) { node, address in
            try await Self.client(of: address, window: 0) { _, session in
                let streams = (0..<60).compactMap { _ in
                    try? session.submitRequest(Self.head("Large"))
                }
                for stream in streams {
                    session.send(Self.beginning(of: 0, sent: 0), on: stream, endStream: true)
                }
                return streams
            } _: { seen, _ in
                // Ten answers are just beyond the bound.
                try await seen.until { $0.statuses.count == 50 }
                #expect(node.server.count(of: .heldBytesPerConnection) == 50)
                let used = node.server.shared.budgets.heldBytes.inUse
                #expect(used <= 120_000)
                #expect(seen.withLockedValue { Set($0.statuses.values) } == ["8"])
            }
        }
    }

    // MARK: Refusals at the headers

    @Test(
        arguments: [
            [":path": "/chord.test.Test/Nowhere"], [":method": "GET"],
            ["content-type": "text/plain"],
        ] as [[String: String]]
    )
    func callRefusedAtItsHeadersLeavesNoStreamOpen(_ changes: [String: String]) async throws {
        let certificates = try await Certificates.get()
        try await TestNode.serving(Self.router, as: certificates.n1) { _, address in
            try await Self.client(of: address) { _, session in
                let list = HTTP2Headers(HTTP2Headers.Prepared(ServerWireTests.head(changes)))
                // Its end never comes.
                return (0..<3).compactMap { _ in try? session.submitRequest(list) }
            } _: { seen, _ in
                try await seen.until { $0.closed.count == 3 }
                #expect(seen.withLockedValue { Set($0.closed.values) } == [.noError])
            }
        }
    }

    // MARK: Handshakes

    /// Two addresses that connect and say nothing hold all that there may be; a newcomer is let in.
    @Test func silentConnectionsDoNotBlockNewOnes() async throws {
        let certificates = try await Certificates.get()
        var configuration = TransportConfiguration()
        configuration.server.limits.maxHandshakes = 32
        configuration.server.limits.maxHandshakesPerHost = 16
        try await TestNode.serving(
            Self.router,
            as: certificates.n1,
            configuration: configuration
        ) { node, address in
            let target = try NetworkAddress(address)
            var silent: [any Channel] = []
            for source in ["127.0.0.2", "127.0.0.3"] {
                for _ in 0..<16 {
                    silent.append(
                        try await ClientBootstrap(group: testExecutors.group)
                            .bind(to: try SocketAddress(ipAddress: source, port: 0))
                            .connect(host: target.host, port: target.port).get()
                    )
                }
            }
            try await eventually { node.server.acceptedConnections >= 32 }
            try await TestNode.calling(as: certificates.alice) { client in
                let result = await client.call(TestMethod.echo, [1], at: address)
                #expect(result.status.isOK, "\(result.status)")
            }
            #expect(node.server.count(of: .handshakes) > 0)
            for channel in silent { try? await channel.close().get() }
        }
    }
}
