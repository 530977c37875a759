// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordIdentity
import ChordRPC
import Logging
import NIOConcurrencyHelpers
import NIOCore
import ChordTestSupport
import Testing

@testable import ChordTransport

/// Pings without calls, and their consequences.
@Suite("Keepalive", .tags(.network), .timeLimit(.minutes(5)))
struct KeepaliveTests {
    private static func pinging(
        _ interval: Duration,
        timeout: Duration,
        always: Bool
    ) -> TransportConfiguration {
        var configuration = TransportConfiguration()
        configuration.client.keepalive.interval = interval
        configuration.client.keepalive.timeout = timeout
        configuration.client.keepalive.permitsWithoutCalls = always
        return configuration
    }

    // MARK: The client's

    @Test func keepaliveFailsCallsOnADeadConnection() async throws {
        let certificates = try await Certificates.get()
        try await RawPeers.serve(
            as: certificates.n1,
            handler: { raw, _, event in
                if case .headers = event { raw.isDeaf = true }
            }
        ) { address in
            let configuration = Self.pinging(
                .milliseconds(30),
                timeout: .milliseconds(50),
                always: false
            )
            try await TestNode.calling(as: certificates.n2, configuration: configuration) {
                client in
                let result = await client.call(TestMethod.echo, at: address, within: .seconds(600))
                #expect(result.status.code == .unavailable)
                #expect(result.status.origin == .transport)
                #expect(result.status.message.contains("no answer to a ping within"))
            }
        }
    }

    @Test(arguments: [true, false], [true, false])
    func pingsWithoutCallsNeedPermission(_ hasCalls: Bool, _ isPermitted: Bool) {
        let keepalive = TransportConfiguration.ClientKeepalive(permitsWithoutCalls: isPermitted)
        func isDue(_ quiet: Duration) -> Bool {
            keepalive.isDue(after: quiet, interval: .seconds(10), hasCalls: hasCalls)
        }
        #expect(isDue(.seconds(10)) == (hasCalls || isPermitted))
        #expect(!isDue(.seconds(9)))
    }

    @Test func keepaliveIntervalDoublesAfterTooManyPings() async throws {
        let certificates = try await Certificates.get()
        let held = HeldCalls()
        let log = CapturedLog(level: .debug)
        try await TestNode.serving(held.router(), as: certificates.n1) { node, address in
            let client = NetworkTransport(
                tls: TestNode(certificates.n2).source,
                executors: testExecutors,
                configuration: Self.pinging(
                    .milliseconds(10),
                    timeout: .seconds(20),
                    always: true
                ),
                log: TransportLog(
                    logger: log.logger,
                    failuresPerSecond: 10
                ),
                metrics: ChordTransportMetrics()
            )
            let result = await client.call(HeldCalls.method, at: address, within: .seconds(600))
            #expect(result.status.code == .unavailable)
            #expect(result.status.message.contains("ENHANCE_YOUR_CALM, too_many_pings"))
            #expect(node.server.count(of: .pings) == 1)
            let interval = await withCheckedContinuation { continuation in
                testExecutors.all[0].execute {
                    continuation.resume(
                        returning: client.clients[0].peers.first?.keepaliveInterval
                    )
                }
            }
            #expect(interval == .milliseconds(20))
            #expect(log.lines.map(\.message).contains { $0.contains("keepalive pings") })
            await client.shutdown(grace: .zero)
        }
    }

    // MARK: The server's

    @Test func serverClosesASilentClientWithAnOpenCall() async throws {
        let certificates = try await Certificates.get()
        var configuration = TransportConfiguration()
        configuration.server.keepalive.interval = .milliseconds(20)
        configuration.server.keepalive.timeout = .milliseconds(50)
        let held = HeldCalls()
        try await TestNode.serving(
            held.router(),
            as: certificates.n1,
            configuration: configuration
        ) { node, _ in
            let port = try #require(node.server.localPort)
            let channel = try await RawPeers.connect(
                "127.0.0.1",
                port,
                as: certificates.alice,
                role: .client
            ) { raw in
                raw.isDeaf = true
                let list = HTTP2Headers(HTTP2Headers.Prepared(Self.head))
                guard let stream = try? raw.session?.submitRequest(list) else { return }
                raw.session?.send(
                    ByteBuffer(bytes: MessageFraming.frame([])),
                    on: stream,
                    endStream: true
                )
            }
            try await channel.closeFuture.get()
            try await node.server.untilNoConnectionIsLeft()
        }
    }

    private static let head = [
        (name: ":method", value: "POST"), (name: ":scheme", value: "https"),
        (name: ":path", value: "/chord.test.Test/Hold"), (name: ":authority", value: "n1"),
        (name: "content-type", value: "application/grpc"), (name: "te", value: "trailers"),
    ]
}
