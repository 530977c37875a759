// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordIdentity
import ChordRPC
import ChordTestSupport
import Foundation
import NIOConcurrencyHelpers
import Testing

/// Keepalive between us and grpcio, each on each side.
@Suite("Keepalive with grpcio", .tags(.network), .serialized, .timeLimit(.minutes(5)))
struct KeepaliveInteropTests {
    @Test
    func weObeyTooManyPingsOfGRPCIO() async throws {
        let certificates = try await TestCertificates.get()
        var configuration = TransportConfiguration()
        configuration.client.keepalive.interval = .milliseconds(20)
        configuration.client.keepalive.permitsWithoutCalls = true
        try await PythonServer.running { server in
            try await BareTransport.running(
                as: certificates.alice,
                configuration: configuration
            ) { transport in
                let outcome = await transport.call(
                    TestMethod.wait,
                    at: server.address,
                    within: .seconds(40)
                )
                #expect(outcome.result.status.code == .unavailable)
                let text = outcome.result.status.message
                // Its own words, or those of the GOAWAY behind them.
                #expect(
                    text.contains("Too many pings") || text.contains("too_many_pings"),
                    "\(text)"
                )
            }
        }
    }

    @Test
    func grpcioObeysOurTooManyPings() async throws {
        let python = try await Python.get()
        let certificates = try await TestCertificates.get()
        var router = Router()
        let kept = NIOLockedValueBox<[Responder]>([])
        router.register(TestMethod.wait) { _, call in
            let responder = call.makeResponder()
            kept.withLockedValue { $0.append(responder) }
            return .deferred
        }
        try await BareTransport.running(as: certificates.py) { [router] transport in
            let order = Order(
                address: try await transport.serve(router),
                roots: certificates.authority.certificate,
                certificate: certificates.alice.certificate,
                key: certificates.alice.key,
                method: TestMethod.wait.path
            )
            try await python.running("keepalive.py", order) { process in
                guard try await process.exit() == 0 else {
                    throw TestFailure("keepalive.py failed: \(process.report)")
                }
                let outcome = try JSONDecoder().decode(
                    Outcome.self,
                    from: Data(process.output.bytes)
                )
                #expect(outcome.code == "UNAVAILABLE")
                // grpcio's own words for it.
                #expect(outcome.message.lowercased().contains("pings"), "\(outcome.message)")
            }
            #expect(transport.server.count(of: .pings) > 0)
        }
    }

    private struct Order: Encodable {
        var address: String
        var roots: String
        var certificate: String
        var key: String
        var method: String
    }

    private struct Outcome: Decodable {
        var code: String
        var message: String
    }
}
