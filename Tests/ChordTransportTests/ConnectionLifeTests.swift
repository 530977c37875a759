// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordIdentity
import ChordRPC
import ChordTLS
import ChordTestSupport
import NIOCore
import NIOPosix
import Testing

@testable import ChordTransport

/// Connections from the first call to their end. How they come about: `DiallingTests`.
@Suite("Life of connections", .tags(.network), .timeLimit(.minutes(5)))
struct ConnectionLifeTests {
    // MARK: Many and large

    @Test func thousandCallsShareAConnection() async throws {
        let certificates = try await Certificates.get()
        let held = HeldCalls()
        try await TestNode.serving(held.router(), as: certificates.n1) { node, address in
            try await TestNode.calling(as: certificates.n2) { client in
                await withTaskGroup(of: Status.self) { group in
                    for index in 0..<1000 {
                        group.addTask {
                            await client.call(HeldCalls.method, [UInt8(index & 255)], at: address)
                                .status
                        }
                    }
                    // None is answered before all are there.
                    try? await held.reaches(1000)
                    #expect(node.server.connectionCount == 1)
                    held.answerAll()
                    for await status in group { #expect(status == .ok) }
                }
            }
        }
    }

    @Test func callCanRequireANewConnection() async throws {
        let certificates = try await Certificates.get()
        let held = HeldCalls()
        try await TestNode.serving(held.router(), as: certificates.n1) { node, address in
            try await TestNode.calling(as: certificates.n2) { client in
                async let waiting = client.call(HeldCalls.method, [1], at: address)
                try await held.reaches(1)
                let result = await client.call(
                    TestMethod.echo,
                    [2],
                    at: address,
                    wantsNewConnection: true
                )
                #expect(result.message == [2])
                #expect(node.server.connectionCount == 2)
                // Later calls use the new one, and what is under way on the old one ends there.
                #expect(await client.call(TestMethod.echo, [3], at: address).message == [3])
                #expect(node.server.connectionCount == 2)
                held.answerAll()
                #expect(await waiting.status == .ok)
                try await eventually { node.server.connectionCount == 1 }
            }
        }
    }

    @Test func streamLimitOfThePeerIsRespected() async throws {
        let certificates = try await Certificates.get()
        var configuration = TransportConfiguration()
        configuration.limits.maxConcurrentStreams = 4
        let held = HeldCalls()
        try await TestNode.serving(
            held.router(),
            as: certificates.n1,
            configuration: configuration
        ) { _, address in
            try await TestNode.calling(as: certificates.n2) { client in
                try await withThrowingTaskGroup(of: Status.self) { group in
                    for _ in 0..<20 {
                        group.addTask { await client.call(HeldCalls.method, at: address).status }
                    }
                    var ended = 0
                    while ended < 20 {
                        try await held.reaches(4)
                        held.answerAll()
                        for _ in 0..<4 {
                            let status = try await group.next()
                            #expect(status == .ok)
                            ended += 1
                        }
                    }
                }
                #expect(held.mostAtOnce == 4)
            }
        }
    }

    @Test(arguments: [4 << 20, (4 << 20) + 1])
    func messageSizeLimitIsExact(_ bytes: Int) async throws {
        let certificates = try await Certificates.get()
        try await TestNode.serving(HeldCalls().router(), as: certificates.n1) { _, address in
            try await TestNode.calling(as: certificates.n2) { client in
                let message = [UInt8](repeating: 7, count: bytes)
                let result = await client.call(TestMethod.echo, message, at: address)
                if bytes <= 4 << 20 {
                    #expect(result.status == .ok)
                    // Not ==, whose failure would look for the differences of millions of bytes.
                    #expect(result.message.elementsEqual(message))
                } else {
                    #expect(result.status.code == .resourceExhausted)
                    #expect(result.status.origin == .peer)
                }
                // The connection is none the worse for it.
                #expect(await client.call(TestMethod.echo, [1], at: address).message == [1])
            }
        }
    }

    // MARK: Ends

    @Test func clientClosesAnIdleConnection() async throws {
        let certificates = try await Certificates.get()
        var configuration = TransportConfiguration()
        configuration.client.idleTimeout = .milliseconds(20)
        try await TestNode.serving(HeldCalls().router(), as: certificates.n1) {
            [configuration] node, address in
            try await TestNode.calling(as: certificates.n2, configuration: configuration) {
                client in
                #expect(await client.call(TestMethod.echo, at: address).status == .ok)
                try await node.server.untilNoConnectionIsLeft()
                #expect(await client.call(TestMethod.echo, at: address).status == .ok)
            }
        }
    }

    @Test func drainingServerFinishesItsCallsAndTakesNoNewOnes() async throws {
        let certificates = try await Certificates.get()
        let held = HeldCalls()
        let old = TestNode(certificates.n1)
        try await old.server.bind(host: "127.0.0.1", port: 0)
        try await old.server.serve(held.router())
        let port = try #require(old.server.localPort)
        let address = "127.0.0.1:\(port)"
        let successor = TestNode(certificates.n1)
        try await TestNode.calling(as: certificates.n2) { client in
            async let first = client.call(HeldCalls.method, at: address)
            try await held.reaches(1)
            async let stopped: Void = old.server.shutdown(grace: .seconds(60))
            // The port is free as soon as the old server has stopped to listen.
            try await eventually {
                (try? await successor.server.bind(host: "127.0.0.1", port: port)) != nil
            }
            try await successor.server.serve(HeldCalls().router())
            try await eventually {
                await client.call(TestMethod.echo, [2], at: address).message == [2]
                    && successor.server.connectionCount == 1
            }
            #expect(held.count == 1)
            held.answerAll([1])
            let result = await first
            #expect(result.status == .ok)
            #expect(result.message == [1])
            await stopped
            #expect(old.server.connectionCount == 0)
        }
        await successor.stop()
        await old.stop()
    }

    @Test func drainEndsAfterItsGracePeriod() async throws {
        let certificates = try await Certificates.get()
        let held = HeldCalls()
        let node = TestNode(certificates.n1)
        try await node.server.bind(host: "127.0.0.1", port: 0)
        try await node.server.serve(held.router())
        let address = node.server.localAddresses[0].description
        try await TestNode.calling(as: certificates.n2) { client in
            async let call = client.call(HeldCalls.method, at: address)
            try await held.reaches(1)
            await node.server.shutdown(grace: .milliseconds(20))
            let result = await call
            #expect(result.status.code == .unavailable)
            #expect(result.status.origin == .transport)
            #expect(node.server.connectionCount == 0)
        }
        await node.stop()
    }

    @Test func stoppedClientRefusesCalls() async throws {
        let certificates = try await Certificates.get()
        let held = HeldCalls()
        try await TestNode.serving(held.router(), as: certificates.n1) { node, address in
            let caller = TestNode(certificates.n2)
            async let call = caller.client.call(HeldCalls.method, at: address)
            try await held.reaches(1)
            async let stopped: Void = caller.client.shutdown(grace: .seconds(60))
            try await eventually {
                await caller.client.call(TestMethod.echo, at: address).status.message
                    .contains("shutting down")
            }
            held.answerAll([6])
            #expect(await call.message == [6])
            await stopped
            try await node.server.untilNoConnectionIsLeft()
        }
    }

    // MARK: Listening

    @Test func usedPortIsReported() async throws {
        let certificates = try await Certificates.get()
        try await TestNode.serving(HeldCalls().router(), as: certificates.n1) { node, address in
            let second = TestNode(certificates.n1)
            let port = try #require(node.server.localPort)
            let error = await #expect(throws: TransportError.self) {
                try await second.server.bind(host: "127.0.0.1", port: port)
            }
            #expect(error?.code == .addressInUse)
            #expect(error?.message.hasPrefix("cannot listen on \(address): ") == true)
            await second.stop()
        }
    }

    @Test func unknownHostIsReported() async throws {
        let certificates = try await Certificates.get()
        let node = TestNode(certificates.n1)
        let error = await #expect(throws: TransportError.self) {
            try await node.server.bind(host: "no-such-host.invalid", port: 0)
        }
        #expect(error?.code == .resolveFailed)
        await node.stop()
    }

    @Test func serverCanBindAndServeOnlyOnce() async throws {
        let certificates = try await Certificates.get()
        try await TestNode.serving(HeldCalls().router(), as: certificates.n1) { node, _ in
            let again = await #expect(throws: TransportError.self) {
                try await node.server.bind(host: "127.0.0.1", port: 0)
            }
            #expect(again?.code == .invalidState)
            let twice = await #expect(throws: TransportError.self) {
                try await node.server.serve(HeldCalls().router())
            }
            #expect(twice?.code == .invalidState)
        }
    }

    @Test func localhostListensOnAllItsAddressesWithOnePort() async throws {
        let certificates = try await Certificates.get()
        try await TestNode.serving(HeldCalls().router(), as: certificates.n1, host: "localhost") {
            node,
            _ in
            #expect(Set(node.server.localAddresses.map(\.port)).count == 1)
            try await TestNode.calling(as: certificates.n2) { client in
                for place in node.server.localAddresses {
                    let result = await client.call(TestMethod.echo, [1], at: place.description)
                    #expect(result.message == [1])
                }
                let port = try #require(node.server.localPort)
                let result = await client.call(TestMethod.echo, [1], at: "localhost:\(port)")
                #expect(result.message == [1])
            }
        }
    }

    @Test(.enabled("this machine has an IPv6 loopback") { await hasIPv6Loopback() })
    func iPv6Works() async throws {
        let certificates = try await Certificates.get()
        try await TestNode.serving(HeldCalls().router(), as: certificates.n1, host: "::1") {
            node,
            address in
            #expect(address.hasPrefix("[::1]:"))
            try await TestNode.calling(as: certificates.n2) { client in
                let result = await client.call(
                    TestMethod.echo,
                    [1],
                    at: address,
                    expecting: ExpectedPeer()
                )
                #expect(result.message == [1])
            }
        }
    }
}

private func hasIPv6Loopback() async -> Bool {
    let channel = try? await ServerBootstrap(group: testExecutors.group)
        .bind(host: "::1", port: 0).get()
    try? await channel?.close().get()
    return channel != nil
}

/// A listener whose kernel accepts, and nobody else.
func silentListener() async throws -> any Channel {
    try await ServerBootstrap(group: testExecutors.group)
        .serverChannelOption(.autoRead, value: false)
        .bind(host: "127.0.0.1", port: 0).get()
}
