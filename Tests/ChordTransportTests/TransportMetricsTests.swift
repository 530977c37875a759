// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordRPC
import ChordTestSupport
import Metrics
import MetricsTestKit
import NIOConcurrencyHelpers
import NIOCore
import Testing

@testable import ChordTransport

/// Each metric of the transport is recorded when its cause occurs, with its labels.
@Suite(.tags(.network), .timeLimit(.minutes(5))) struct TransportMetricsTests {
    private let metrics = TestMetrics()

    private func total(_ name: String, _ labels: [(String, String)] = []) -> Int64 {
        metrics.counterTotal(label: name, dimensions: labels)
    }

    @Test func allMetricsAreRecorded() async throws {
        let certificates = try await Certificates.get()
        try await withMetricsFactory(metrics) {
            try await calls(certificates)
            try await missedDeadline(certificates)
            try await failedHandshake(certificates)
            try await refusedConnection(certificates)
            try await protocolErrors(certificates)
            try await silence(certificates)
            try await tooManyPings(certificates)
            try await retry(certificates)
            limits()
        }
        let names =
            [
                "chord_transport_connections_total{side=server}",
                "chord_transport_connections_total{side=client}",
                "chord_transport_connection_failures_total{side=server}",
                "chord_transport_connection_failures_total{side=client}",
                "chord_transport_connections_refused_total",
                "chord_transport_protocol_errors_total{side=server}",
                "chord_transport_protocol_errors_total{side=client}",
                "chord_transport_calls_sent_total",
                "chord_transport_calls_received_total{method=chord.test.Test/Echo}",
                "chord_transport_calls_received_total{method=chord.test.Test/Hold}",
                "chord_transport_calls_received_total{method=unknown}",
                "chord_transport_deadlines_missed_total",
                "chord_transport_silent_connections_total",
                "chord_transport_pings_refused_total",
                "chord_transport_calls_retried_total",
                "chord_transport_dial_nanoseconds",
            ] + TransportLimit.allCases.map { "chord_transport_limits_total{limit=\($0.rawValue)}" }
        #expect(metrics.recorded == Dictionary(uniqueKeysWithValues: names.map { ($0, true) }))
    }

    private func calls(_ certificates: Certificates) async throws {
        try await TestNode.serving(HeldCalls().router(), as: certificates.n1) { _, address in
            try await TestNode.calling(as: certificates.alice) { client in
                for _ in 0..<3 { #expect(await client.isServed(at: address)) }
                let other = await client.call(TestMethod.named("Other"), at: address)
                #expect(other.status.code == .unimplemented)
            }
        }
        func received(_ method: String) -> Int64 {
            total("chord_transport_calls_received_total", [("method", method)])
        }
        #expect(received("chord.test.Test/Echo") == 3)
        #expect(received("unknown") == 1)
        #expect(total("chord_transport_calls_sent_total") == 4)
        #expect(total("chord_transport_connections_total", [("side", "server")]) == 1)
        #expect(total("chord_transport_connections_total", [("side", "client")]) == 1)
        let times = metrics.timers(label: "chord_transport_dial_nanoseconds").flatMap(\.values)
        #expect(times.count == 1 && times.allSatisfy { $0 > 0 })
    }

    /// The client of this test has no deadline of its own: it does not end the call before the server.
    private func missedDeadline(_ certificates: Certificates) async throws {
        try await TestNode.serving(HeldCalls().router(), as: certificates.n1) { _, address in
            let response = try await RawPeers.exchange(
                with: address,
                as: certificates.alice,
                ServerWireTests.head(
                    [":path": HeldCalls.method.path],
                    adding: [("grpc-timeout", "50m")]
                ),
                body: [[0, 0, 0, 0, 0]]
            )
            #expect(response["grpc-status"] == "4")
        }
        #expect(total("chord_transport_deadlines_missed_total") == 1)
    }

    private func failedHandshake(_ certificates: Certificates) async throws {
        try await TestNode.serving(HeldCalls().router(), as: certificates.n1) { _, address in
            try await TestNode.calling(as: certificates.foreign) { stranger in
                #expect(await !stranger.isServed(at: address))
            }
            // The server learns of it with the client's alert.
            try await eventually {
                total("chord_transport_connection_failures_total", [("side", "server")]) == 1
            }
        }
        #expect(total("chord_transport_connection_failures_total", [("side", "client")]) == 1)
    }

    private func refusedConnection(_ certificates: Certificates) async throws {
        var configuration = TransportConfiguration()
        configuration.server.maxConnections = 1
        try await TestNode.serving(
            HeldCalls().router(),
            as: certificates.n1,
            configuration: configuration
        ) { _, address in
            try await TestNode.calling(as: certificates.alice) { first in
                #expect(await first.isServed(at: address))
                try await TestNode.calling(as: certificates.n2) { second in
                    #expect(await !second.isServed(at: address))
                }
            }
        }
        #expect(total("chord_transport_connections_refused_total") > 0)
    }

    /// A DATA frame on stream 0, which is for the connection alone.
    private static let misplacedData: [UInt8] = [0, 0, 1, 0, 0, 0, 0, 0, 0, 0]

    private func protocolErrors(_ certificates: Certificates) async throws {
        @Sendable func errors(_ side: String) -> Int64 {
            total("chord_transport_protocol_errors_total", [("side", side)])
        }
        #expect(errors("client") == 0)
        let (servers, clients) = (errors("server"), errors("client"))
        try await TestNode.serving(HeldCalls().router(), as: certificates.n1) { node, _ in
            let port = try #require(node.server.localPort)
            let channel = try await RawPeers.connect(
                "127.0.0.1",
                port,
                as: certificates.alice,
                role: .client
            ) { raw in
                raw.flush()
                raw.write(Self.misplacedData)
            }
            try await channel.closeFuture.get()
            try await eventually { errors("server") == servers + 1 }
        }
        try await RawPeers.serve(
            as: certificates.n1,
            handler: { _, _, _ in },
            onConnection: { raw in
                raw.flush()
                raw.write(Self.misplacedData)
            }
        ) { address in
            try await TestNode.calling(as: certificates.n2) { client in
                #expect(await !client.isServed(at: address))
            }
        }
        #expect(errors("client") > clients)
    }

    private func silence(_ certificates: Certificates) async throws {
        var configuration = TransportConfiguration()
        configuration.client.keepalive.interval = .milliseconds(30)
        configuration.client.keepalive.timeout = .milliseconds(50)
        try await RawPeers.serve(
            as: certificates.n1,
            handler: { raw, _, event in
                if case .headers = event { raw.isDeaf = true }
            }
        ) { [configuration] address in
            try await TestNode.calling(as: certificates.n2, configuration: configuration) {
                client in
                let result = await client.call(TestMethod.echo, at: address, within: .seconds(600))
                #expect(result.status.code == .unavailable)
            }
        }
        #expect(total("chord_transport_silent_connections_total") == 1)
    }

    private func tooManyPings(_ certificates: Certificates) async throws {
        var configuration = TransportConfiguration()
        configuration.client.keepalive.interval = .milliseconds(10)
        configuration.client.keepalive.timeout = .seconds(20)
        configuration.client.keepalive.permitsWithoutCalls = true
        let held = HeldCalls()
        try await TestNode.serving(held.router(), as: certificates.n1) {
            [configuration] _, address in
            try await TestNode.calling(as: certificates.n2, configuration: configuration) {
                client in
                let result = await client.call(
                    HeldCalls.method,
                    at: address,
                    within: .seconds(600)
                )
                #expect(result.status.message.contains("too_many_pings"))
            }
        }
        #expect(total("chord_transport_pings_refused_total") == 1)
    }

    private func retry(_ certificates: Certificates) async throws {
        let before = total("chord_transport_calls_retried_total")
        let count = NIOLockedValueBox(0)
        try await RawPeers.serve(
            as: certificates.n1,
            handler: { _, session, event in
                guard case .data(let stream, _, endStream: true) = event else { return }
                let isFirst = count.withLockedValue { count in
                    count += 1
                    return count == 1
                }
                guard !isFirst else {
                    session.reset(stream: stream, errorCode: .refusedStream)
                    return
                }
                session.submitUnaryResponse(
                    stream: stream,
                    headers: HTTP2Headers(
                        HTTP2Headers.Prepared([
                            (":status", "200"), ("content-type", "application/grpc"),
                        ])
                    ),
                    body: emptyMessage,
                    trailers: HTTP2Headers(HTTP2Headers.Prepared([("grpc-status", "0")]))
                )
            }
        ) { address in
            try await TestNode.calling(as: certificates.n2) { client in
                #expect(await client.call(TestMethod.echo, at: address).status == .ok)
            }
        }
        #expect(total("chord_transport_calls_retried_total") == before + 1)
    }

    /// Tests of each limit look at the server's own counts, which are these.
    private func limits() {
        let counters = LimitCounters(metrics: ChordTransportMetrics())
        for (index, limit) in TransportLimit.allCases.enumerated() {
            let labels = [("limit", limit.rawValue)]
            let before = total("chord_transport_limits_total", labels)
            counters.count(limit, by: UInt64(index + 1))
            #expect(counters.value(of: limit) == UInt64(index + 1))
            #expect(total("chord_transport_limits_total", labels) == before + Int64(index + 1))
        }
    }
}
