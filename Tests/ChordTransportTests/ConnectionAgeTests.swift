// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
import ChordTLS
import ChordTestSupport
import NIOConcurrencyHelpers
import NIOCore
import Testing

@testable import ChordTransport

/// Connections that end although nothing is wrong with them, and calls that must not notice.
@Suite("End of connections", .tags(.network), .timeLimit(.minutes(5)))
struct ConnectionAgeTests {
    // MARK: Age

    @Test func noCallIsLostWhenItsConnectionReachesItsMaximumAge() async throws {
        let certificates = try await Certificates.get()
        var configuration = TransportConfiguration()
        // Longer than a handshake on a slow day: a call that two connections in a row are too old for is
        // refused, as it is tried again once. A connection that is too old before its client has seen it
        // open counts as none, so the calls wait for one.
        configuration.server.keepalive.maxAge = .milliseconds(200)
        try await TestNode.serving(
            HeldCalls().router(),
            as: certificates.n1,
            configuration: configuration
        ) { node, address in
            try await TestNode.calling(as: certificates.n2) { client in
                await withTaskGroup(of: Int.self) { group in
                    for _ in 0..<8 {
                        group.addTask {
                            var lost = 0
                            while node.server.acceptedConnections < 8, !Task.isCancelled {
                                let result = await client.call(
                                    TestMethod.echo,
                                    at: address,
                                    waitingForReady: true
                                )
                                if !result.status.isOK { lost += 1 }
                            }
                            return lost
                        }
                    }
                    #expect(await group.reduce(0, +) == 0)
                }
                #expect(node.server.acceptedConnections >= 8)
            }
        }
    }

    // MARK: Trust

    enum Reload: String, CaseIterable, Sendable {
        case revoked
        case authorityGone
        case same
    }

    @Test(arguments: Reload.allCases)
    func serverClosesConnectionsOfPeersNoLongerTrusted(_ reload: Reload) async throws {
        let certificates = try await Certificates.get()
        var configuration = TransportConfiguration()
        // A connection is looked at as often as a call could stall.
        configuration.server.stallTimeout = .milliseconds(20)
        configuration.server.drainNotice = .milliseconds(10)
        let held = HeldCalls()
        try await TestNode.serving(
            held.router(),
            as: certificates.n1,
            configuration: configuration
        ) { [configuration] node, address in
            try await TestNode.calling(as: certificates.n2, configuration: configuration) {
                client in
                async let long = client.call(HeldCalls.method, at: address, within: .seconds(600))
                try await held.reaches(1)
                switch reload {
                case .revoked: node.source.replace(with: certificates.n1Revoking)
                case .authorityGone: node.source.replace(with: certificates.n1Elsewhere)
                case .same: node.source.replace(with: certificates.n1Again)
                }
                if reload == .same {
                    // It has been looked at, and stays.
                    try await eventually {
                        await node.server.shared.connections.all.asyncAllSatisfy { connection in
                            await connection.isJudged(by: certificates.n1Again)
                        }
                    }
                    #expect(await client.isServed(at: address))
                    #expect(node.server.acceptedConnections == 1)
                    held.answerAll()
                    #expect(await long.status == .ok)
                } else {
                    #expect(await long.status.code == .unavailable)
                    try await node.server.untilNoConnectionIsLeft()
                    let again = await client.call(TestMethod.echo, at: address)
                    #expect(again.status.code == .unavailable)
                }
            }
        }
    }

    @Test func clientClosesConnectionsToPeersNoLongerTrusted() async throws {
        let certificates = try await Certificates.get()
        var configuration = TransportConfiguration()
        // The client looks four times as often as it calls a connection idle.
        configuration.client.idleTimeout = .milliseconds(400)
        let held = HeldCalls()
        try await TestNode.serving(held.router(), as: certificates.n2) {
            [configuration] node, address in
            let caller = TestNode(certificates.alice, configuration: configuration)
            async let long = caller.client.call(
                HeldCalls.method,
                at: address,
                expecting: ExpectedPeer(name: "n2"),
                within: .seconds(600)
            )
            try await held.reaches(1)
            caller.source.replace(with: certificates.aliceRevoking)
            let status = await long.status
            #expect(status.code == .unavailable)
            #expect(status.message.contains("revoked"))
            try await node.server.untilNoConnectionIsLeft()
            #expect(await !caller.client.isServed(at: address, expecting: "n2"))
            await caller.stop()
        }
    }

    // MARK: Room

    @Test func leastRecentlyUsedConnectionIsClosedFirst() async throws {
        let certificates = try await Certificates.get()
        var configuration = TransportConfiguration()
        configuration.client.maxConnections = 2 * testExecutors.all.count
        let held = HeldCalls()
        let nodes = [0, 1, 2].map { _ in TestNode(certificates.n1) }
        var addresses: [String] = []
        for node in nodes {
            try await node.server.bind(host: "127.0.0.1", port: 0)
            try await node.server.serve(held.router())
            addresses.append(node.server.localAddresses[0].description)
        }
        try await TestNode.calling(as: certificates.n2, configuration: configuration) {
            [addresses] client in
            for index in [0, 1, 0, 2] { #expect(await client.isServed(at: addresses[index])) }
            try await nodes[1].server.untilNoConnectionIsLeft()
            #expect(nodes[0].server.connectionCount == 1)
            #expect(nodes[2].server.connectionCount == 1)
            // Where both are in use nobody makes way.
            async let first = client.call(HeldCalls.method, at: addresses[0])
            async let second = client.call(HeldCalls.method, at: addresses[2])
            try await held.reaches(2)
            let refused = await client.call(TestMethod.echo, at: addresses[1])
            #expect(refused.status.code == .resourceExhausted)
            #expect(refused.status.origin == .local)
            held.answerAll()
            #expect(await first.status == .ok)
            #expect(await second.status == .ok)
            #expect(await client.isServed(at: addresses[1]))
        }
        for node in nodes { await node.stop() }
    }

    @Test func refusalForTooManyConnectionsIsReported() async throws {
        let certificates = try await Certificates.get()
        var configuration = TransportConfiguration()
        configuration.server.limits.maxConnectionsPerIdentity = 1
        try await TestNode.serving(
            HeldCalls().router(),
            as: certificates.n1,
            configuration: configuration
        ) { node, address in
            try await TestNode.calling(as: certificates.n2) { first in
                #expect(await first.isServed(at: address))
                try await TestNode.calling(as: certificates.n2) { second in
                    let result = await second.call(TestMethod.echo, at: address)
                    #expect(result.status.code == .unavailable)
                    #expect(result.status.message.contains("too_many_connections"))
                }
                #expect(await first.isServed(at: address))
            }
            #expect(node.server.count(of: .connectionsPerIdentity) > 0)
        }
    }

    // MARK: Calls that can be sent again

    @Test func unsentCallMovesToTheNextConnection() async throws {
        let certificates = try await Certificates.get()
        let handled = NIOLockedValueBox(0)
        var router = Router()
        router.register(TestMethod.echo) { request, call in
            handled.withLockedValue { $0 += 1 }
            call.reply.append(contentsOf: request)
            return .replied
        }
        try await TestNode.serving(router, as: certificates.n1) { node, address in
            try await TestNode.calling(as: certificates.n2) { client in
                #expect(await client.isServed(at: address))
                let executor = testExecutors.all[0]
                let result: ClientResult = await handedOver { handOver in
                    executor.execute {
                        client.unary(
                            ClientCall(
                                target: PeerTarget(
                                    address: address,
                                    expected: ExpectedPeer(name: "n1")
                                ),
                                method: TestMethod.echo,
                                message: [4],
                                deadline: executor.now + .seconds(20)
                            ),
                            on: executor
                        ) { handOver($0) }
                        // Before the turn of the loop in which the call would have left.
                        for connection in client.clients[0].peers.flatMap(\.connections) {
                            connection.close(because: "of the test")
                        }
                    }
                }
                #expect(result.message == [4])
                #expect(node.server.acceptedConnections == 2)
                // It was not made twice.
                try await eventually { node.server.connectionCount == 1 }
                #expect(handled.withLockedValue { $0 } == 2)
            }
        }
    }

    @Test func callCanWaitForItsPeer() async throws {
        let certificates = try await Certificates.get()
        var configuration = TransportConfiguration()
        configuration.client.initialBackoff = .milliseconds(10)
        configuration.client.maxBackoff = .milliseconds(20)
        let reserved = try ReservedPort()
        let port = reserved.number
        let address = reserved.address
        try await TestNode.calling(as: certificates.n2, configuration: configuration) { client in
            async let waiting = client.call(
                TestMethod.echo,
                [9],
                at: address,
                waitingForReady: true
            )
            // Those that do not wait fail meanwhile, a first dial and a backoff among them.
            for _ in 0..<3 {
                #expect(await client.call(TestMethod.echo, at: address).status.code == .unavailable)
            }
            let late = await client.call(
                TestMethod.echo,
                at: address,
                within: .milliseconds(50),
                waitingForReady: true
            )
            #expect(late.status.code == .deadlineExceeded)
            let node = TestNode(certificates.n1)
            try await node.server.bind(host: "127.0.0.1", port: port)
            try await node.server.serve(HeldCalls().router())
            #expect(await waiting.message == [9])
            await node.stop()
        }
    }

    @Test func waitingCallEndsWithItsClient() async throws {
        let certificates = try await Certificates.get()
        let reserved = try ReservedPort()
        let address = reserved.address
        let node = TestNode(certificates.n2)
        async let waiting = node.client.call(TestMethod.echo, at: address, waitingForReady: true)
        try await eventually {
            await node.client.call(TestMethod.echo, at: address).status.description
                .contains("not dialled again")
        }
        await node.stop()
        let status = await waiting.status
        #expect(status.code == .unavailable)
        #expect(status.message.contains("shutting down"))
    }
}

extension ServerConnection {
    fileprivate func isJudged(by context: TLSContext) async -> Bool {
        await withCheckedContinuation { continuation in
            executor.execute { continuation.resume(returning: self.trust.context === context) }
        }
    }
}

extension Array {
    fileprivate func asyncAllSatisfy(_ condition: (Element) async -> Bool) async -> Bool {
        for element in self where await !condition(element) { return false }
        return true
    }
}
