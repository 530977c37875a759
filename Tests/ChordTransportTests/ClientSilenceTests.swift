// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordRPC
import NIOConcurrencyHelpers
import NIOCore
import ChordTestSupport
import Testing

@testable import ChordTransport

@Suite("Servers that stop answering", .tags(.network), .timeLimit(.minutes(5)))
struct ClientSilenceTests: RawServerSuite {
    @Test func connectionEndsWhenAPingIsNotAnswered() async throws {
        let certificates = try await Certificates.get()
        var configuration = TransportConfiguration()
        configuration.client.pingTimeout = .milliseconds(50)
        let ended = Watched(0)
        let calls = NIOLockedValueBox(0)
        try await RawPeers.serve(
            as: certificates.n1,
            handler: Self.handler { raw, session, stream in
                let count = calls.withLockedValue { count in
                    count += 1
                    return count
                }
                if count == 1 {
                    session.submitUnaryResponse(
                        stream: stream,
                        headers: Self.headers(Self.grpc),
                        body: emptyMessage,
                        trailers: Self.headers([("grpc-status", "0")])
                    )
                }
                // From now on this connection is dead, and does not say so.
                raw.isDeaf = true
            },
            onEnd: { ended.withLockedValue { $0 += 1 } }
        ) { [configuration] address in
            try await TestNode.calling(as: certificates.n2, configuration: configuration) {
                client in
                #expect(await client.call(TestMethod.echo, at: address).status == .ok)
                let result = await client.call(
                    TestMethod.echo,
                    at: address,
                    within: .milliseconds(20)
                )
                #expect(result.status.code == .deadlineExceeded)
                #expect(result.status.origin == .local)
                try await ended.until { $0 == 1 }
            }
        }
    }

    @Test func connectionEndsWhenThePeerSendsNoSettings() async throws {
        let certificates = try await Certificates.get()
        var configuration = TransportConfiguration()
        configuration.client.readyTimeout = .milliseconds(100)
        // It accepts, as the kernel of a stopped process does, and says nothing.
        let listener = try await silentListener()
        let port = try #require(listener.localAddress?.port)
        try await TestNode.calling(as: certificates.n2, configuration: configuration) { client in
            let result = await client.call(TestMethod.echo, at: "127.0.0.1:\(port)")
            #expect(result.status.code == .unavailable)
            #expect(result.status.origin == .transport)
            #expect(result.status.message.contains("not ready within"))
        }
        try await listener.close().get()
    }

    @Test func deadlineAppliesWhileDialling() async throws {
        let certificates = try await Certificates.get()
        let listener = try await silentListener()
        let port = try #require(listener.localAddress?.port)
        try await TestNode.calling(as: certificates.n2) { client in
            let result = await client.call(
                TestMethod.echo,
                at: "127.0.0.1:\(port)",
                within: .milliseconds(50)
            )
            #expect(result.status.code == .deadlineExceeded)
            #expect(result.status.origin == .local)
        }
        try await listener.close().get()
    }

    @Test func numberOfWaitingCallsIsLimited() async throws {
        let certificates = try await Certificates.get()
        var configuration = TransportConfiguration()
        configuration.client.maxWaitingCalls = 2
        let listener = try await silentListener()
        let port = try #require(listener.localAddress?.port)
        try await TestNode.calling(as: certificates.n2, configuration: configuration) { client in
            var handles: [any ClientCallHandle] = []
            for _ in 0..<2 {
                handles.append(
                    await client.observe(TestMethod.echo, at: "127.0.0.1:\(port)").1
                )
            }
            let third = await client.call(TestMethod.echo, at: "127.0.0.1:\(port)")
            #expect(third.status.code == .resourceExhausted)
            #expect(third.status.origin == .local)
            // One that gives up makes room for another.
            handles[0].cancel()
            let (fourth, handle) = await client.observe(
                TestMethod.echo,
                at: "127.0.0.1:\(port)"
            )
            handle.cancel()
            for await case .finished(let result) in fourth.events {
                #expect(result.status.code == .cancelled)
            }
        }
        try await listener.close().get()
    }
}
