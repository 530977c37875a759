// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordIdentity
import ChordRPC
import ChordTestSupport
import ChordTransport
import Foundation
import NIOConcurrencyHelpers
import Testing

/// A client written by hand drives a server over each of its limits, while a good one beside it goes
/// on as if nothing were.
@Suite("Limits", .tags(.network, .slow), .serialized, .timeLimit(.minutes(5)))
struct LimitsTests {
    // MARK: Tests

    @Test(arguments: LimitCase.calls + LimitCase.floods + LimitCase.others)
    func limitAffectsOnlyTheClientThatExceedsIt(_ attack: LimitCase) async throws {
        let python = try await Python.get()
        let certificates = try await TestCertificates.get()
        let good = certificates.n2
        var configuration = TransportConfiguration()
        attack.configure(&configuration)
        let held = HeldCalls()
        try await BareTransport.running(
            as: certificates.py,
            configuration: configuration
        ) { server in
            let address = try await server.serve(Self.router(held))
            try await BareTransport.running(as: good) { client in
                #expect(await Self.isServed(client, address))
                let isOver = NIOLockedValueBox(false)
                try await withThrowingTaskGroup(of: Int.self) { group in
                    group.addTask {
                        defer { isOver.withLockedValue { $0 = true } }
                        let outcome = try await python.attack(
                            address,
                            as: certificates.alice,
                            attack
                        )
                        attack.check(outcome)
                        return 0
                    }
                    group.addTask {
                        var served = 0
                        // A good client is no hasty one: it stays below the limits too.
                        while served < 900, !isOver.withLockedValue({ $0 }) {
                            #expect(await Self.isServed(client, address))
                            served += 1
                        }
                        return served
                    }
                    let served = try await group.reduce(0, +)
                    #expect(served > 0)
                }
                #expect(server.server.count(of: attack.limit) > 0, "\(attack.limit)")
                #expect(await Self.isServed(client, address))
                // New clients are accepted too.
                try await BareTransport.running(as: certificates.alice) { late in
                    try await eventually("a client is served again") {
                        held.answerAll()
                        return await Self.isServed(late, address)
                    }
                }
            }
        }
    }

    /// Clients crowd out neither one another nor the ring; at the limit of all calls of nodes their lookups
    /// are shed as well, and the ring's maintenance is not.
    @Test
    func maintenanceIsAnsweredUnderOverload() async throws {
        let certificates = try await TestCertificates.get()
        let node = certificates.n2
        var configuration = TransportConfiguration()
        configuration.server.limits.maxNodeCallsInFlight = 4
        configuration.server.limits.maxClientCallsInFlight = 8
        let held = HeldCalls()
        try await BareTransport.running(
            as: certificates.py,
            configuration: configuration
        ) { server in
            let address = try await server.serve(Self.router(held))
            try await BareTransport.running(as: certificates.alice) { client in
                try await BareTransport.running(as: node) { peer in
                    try await withThrowingTaskGroup(of: StatusCode.self) { group in
                        for count in 1...4 {
                            group.addTask {
                                await client.call(TestMethod.wait, at: address).result.status.code
                            }
                            try await held.reaches(count)
                        }
                        let shed = await client.call(TestMethod.echo, at: address).result.status
                        #expect(shed.code == .resourceExhausted)
                        #expect(shed.message.contains("callsPerIdentity"), "\(shed)")
                        #expect(shed.origin == .peer)
                        // A client's call of the same path is no maintenance.
                        let asked = await client.call(Self.maintenance, at: address)
                        #expect(asked.result.status.code == .resourceExhausted)
                        // Nodes have room of their own.
                        #expect(await Self.isServed(peer, address))
                        for count in 5...6 {
                            group.addTask {
                                await peer.call(TestMethod.wait, at: address).result.status.code
                            }
                            try await held.reaches(count)
                        }
                        let lookup = await peer.call(TestMethod.echo, at: address).result.status
                        #expect(lookup.code == .resourceExhausted)
                        let kept = await peer.call(Self.maintenance, [5], at: address).result
                        #expect(kept.status.isOK)
                        #expect(server.server.count(of: .callsPerIdentity) == 3)
                        held.answerAll()
                        for try await code in group { #expect(code == .ok) }
                    }
                    #expect(await Self.isServed(client, address))
                }
            }
        }
    }

    /// A client that has its share keeps no other client out.
    @Test
    func clientIsServedWhileAnotherUsesItsShare() async throws {
        let certificates = try await TestCertificates.get()
        var configuration = TransportConfiguration()
        configuration.server.limits.maxClientCallsInFlight = 8
        let held = HeldCalls()
        try await BareTransport.running(
            as: certificates.py,
            configuration: configuration
        ) { server in
            let address = try await server.serve(Self.router(held))
            try await BareTransport.running(as: certificates.alice) { client in
                try await BareTransport.running(as: certificates.bob) { other in
                    try await withThrowingTaskGroup(of: StatusCode.self) { group in
                        for count in 1...4 {
                            group.addTask {
                                await client.call(TestMethod.wait, at: address).result.status.code
                            }
                            try await held.reaches(count)
                        }
                        #expect(await !Self.isServed(client, address))
                        #expect(await Self.isServed(other, address))
                        held.answerAll()
                        for try await code in group { #expect(code == .ok) }
                    }
                    #expect(await Self.isServed(client, address))
                }
            }
        }
    }

    // MARK: The server

    private static let maintenance = RPCMethod(
        test: "Maintain",
        of: TestMethod.service,
        priority: .maintenance
    )

    private static func router(_ held: HeldCalls) -> Router {
        var router = Router()
        for method in [TestMethod.echo, maintenance] {
            router.register(method) { request, call in
                call.reply.append(contentsOf: request)
                return .replied
            }
        }
        router.register(TestMethod.stream, on: nil) { stream throws(Status) in
            for try await message in stream.requests { try await stream.send(message) }
            return []
        }
        router.register(TestMethod.wait) { _, call in
            held.hold(call.makeResponder())
            return .deferred
        }
        return router
    }

    private static func isServed(_ client: BareTransport, _ address: String) async -> Bool {
        let message = filler(100)
        return await client.call(TestMethod.echo, message, at: address).result.message == message
    }
}
