// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordIdentity
import ChordRPC
import ChordTLS
import ChordTestSupport
import NIOCore
import Testing

@testable import ChordTransport

/// Connections from the dial to the first call.
@Suite("Dialling", .tags(.network), .timeLimit(.minutes(5)))
struct DiallingTests {
    @Test(arguments: [
        ("nowhere", "the port is missing"), ("host:0", "from 1 to 65535"),
        ("::1:7400", "brackets"), ("", "the port is missing"), ("a b:1", "letters"),
    ])
    func malformedAddressIsReported(_ address: String, _ text: String) async throws {
        let certificates = try await Certificates.get()
        try await TestNode.calling(as: certificates.n2) { client in
            let result = await client.call(TestMethod.echo, at: address)
            #expect(result.status.code == .unavailable)
            #expect(result.status.origin == .transport)
            #expect(result.status.message.contains(text))
        }
    }

    @Test func unreachablePeerIsDialledAgainAfterABackoff() async throws {
        let certificates = try await Certificates.get()
        var configuration = TransportConfiguration()
        configuration.client.initialBackoff = .seconds(3600)
        configuration.client.maxBackoff = .seconds(3600)
        let reserved = try ReservedPort()
        let port = reserved.number
        let address = "127.0.0.1:\(port)"
        try await TestNode.calling(as: certificates.n2, configuration: configuration) { client in
            let first = await client.call(TestMethod.echo, at: address)
            #expect(first.status.code == .unavailable)
            #expect(first.status.origin == .transport)
            #expect(first.status.message.contains("Connection refused"))
            #expect(first.peer == nil)
            let node = TestNode(certificates.n1)
            try await node.server.bind(host: "127.0.0.1", port: port)
            try await node.server.serve(HeldCalls().router())
            // It is up, but may not be dialled yet.
            let second = await client.call(TestMethod.echo, at: address)
            #expect(second.status.code == .unavailable)
            #expect("\(second.status)".contains("Connection refused; not dialled again for"))
            client.resetBackoff(of: "127.0.0.1:1")
            #expect(await client.call(TestMethod.echo, at: address).status.code == .unavailable)
            client.resetBackoff(of: address)
            #expect(await client.call(TestMethod.echo, [3], at: address).message == [3])
            await node.stop()
        }
    }

    @Test("An outsider waits 2 s at most between dials, however long a node was away")
    func outsiderBackoffIsShort() throws {
        var backoff = ClientBackoff(configuration: .outsider)
        var generator = SystemRandomNumberGenerator()
        let now = MonotonicTime(nanoseconds: 0)
        for _ in 0..<40 {
            backoff.failed("refused", at: now, using: &generator)
            #expect(try #require(backoff.remaining(at: now)) <= .milliseconds(2_400))
        }
    }

    @Test func backoffExpires() async throws {
        let certificates = try await Certificates.get()
        var configuration = TransportConfiguration()
        configuration.client.initialBackoff = .milliseconds(1)
        configuration.client.maxBackoff = .milliseconds(5)
        let reserved = try ReservedPort()
        let port = reserved.number
        let address = "127.0.0.1:\(port)"
        try await TestNode.calling(as: certificates.n2, configuration: configuration) { client in
            #expect(await client.call(TestMethod.echo, at: address).status.code == .unavailable)
            let node = TestNode(certificates.n1)
            try await node.server.bind(host: "127.0.0.1", port: port)
            try await node.server.serve(HeldCalls().router())
            try await eventually {
                await client.call(TestMethod.echo, at: address).status == .ok
            }
            await node.stop()
        }
    }

    @Test func serverOfAnotherAuthorityIsRefused() async throws {
        let certificates = try await Certificates.get()
        try await TestNode.serving(HeldCalls().router(), as: certificates.foreign) {
            _,
            address in
            try await TestNode.calling(as: certificates.n2) { client in
                let result = await client.call(
                    TestMethod.echo,
                    at: address,
                    expecting: ExpectedPeer(name: "n2")
                )
                #expect(result.status.code == .unavailable)
                #expect(result.status.origin == .transport)
                #expect(result.status.reason == .peerCertificateRefused)
                #expect(result.status.message.contains("is issued by an unknown authority"))
            }
        }
    }

    @Test func refusalOfOurCertificateIsReported() async throws {
        let certificates = try await Certificates.get()
        try await TestNode.serving(HeldCalls().router(), as: certificates.n1) {
            _,
            address in
            try await TestNode.calling(as: certificates.foreignTrustingOurs) { client in
                let result = await client.call(TestMethod.echo, at: address)
                #expect(result.status.code == .unavailable)
                #expect(result.status.origin == .transport)
                #expect(result.status.message.contains("refused our certificate"))
            }
        }
    }

    @Test func hostIsCheckedWhenNoNameIsExpected() async throws {
        let certificates = try await Certificates.get()
        try await TestNode.serving(HeldCalls().router(), as: certificates.n1) {
            _,
            address in
            try await TestNode.calling(as: certificates.n2) { client in
                let result = await client.call(
                    TestMethod.echo,
                    [8],
                    at: address,
                    expecting: ExpectedPeer()
                )
                #expect(result.message == [8])
            }
        }
    }

    @Test func everyEventLoopHasItsOwnConnection() async throws {
        let certificates = try await Certificates.get()
        try await TestNode.serving(HeldCalls().router(), as: certificates.n1) {
            node,
            address in
            try await TestNode.calling(as: certificates.n2) { client in
                for executor in testExecutors.all + testExecutors.all {
                    let result = await client.call(
                        TestMethod.echo,
                        [1],
                        at: address,
                        on: executor
                    )
                    #expect(result.message == [1])
                }
                #expect(node.server.connectionCount == testExecutors.all.count)
            }
        }
    }

    @Test func newConnectionsUseANewCertificate() async throws {
        let certificates = try await Certificates.get()
        try await TestNode.serving(HeldCalls().router(), as: certificates.n1) {
            node,
            address in
            try await TestNode.calling(as: certificates.alice) { client in
                #expect(await client.call(TestMethod.echo, at: address).peer?.name == "n1")
                node.source.replace(with: certificates.n2)
                // The open connection goes on as it is.
                #expect(await client.call(TestMethod.echo, at: address).peer?.name == "n1")
                let other = await client.call(
                    TestMethod.echo,
                    at: address,
                    expecting: ExpectedPeer(name: "n2")
                )
                #expect(other.peer?.name == "n2")
            }
        }
    }
}
