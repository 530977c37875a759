// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordTestSupport
import Logging
import NIOConcurrencyHelpers

/// Nodes of ours that run in this process, over the loopback interface.
struct Ring: Sendable {
    var nodes: [ChordNode]
    let log: CapturedLog

    /// The address of the first node.
    var address: String { nodes[0].reference.address }

    /// Runs a ring for the time of `body`, which begins when every node knows every other.
    static func running<R: Sendable>(
        _ names: [String] = ["n1"],
        _ body: @escaping @Sendable (Ring) async throws -> R
    ) async throws -> R {
        let certificates = try await TestCertificates.get()
        let log = CapturedLog(level: .debug)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            var ring = Ring(nodes: [], log: log)
            for name in names {
                guard let issued = certificates.members[name] else {
                    throw TestFailure("there is no certificate for \(name)")
                }
                // The clients in Python compute identifiers from names.
                var parameters = RingConfiguration(name: "interop")
                parameters.placements = 1
                var configuration = ChordConfiguration(
                    name: name,
                    ring: parameters,
                    certificates: certificates.chord(issued)
                )
                configuration.listen = "127.0.0.1:0"
                configuration.contacts = ring.nodes.map(\.reference.address)
                configuration.intervals.stabilize = .milliseconds(250)
                // The test is about refusals, not about the speed of a loaded machine.
                configuration.failureDetection.initial = .seconds(10)
                configuration.failureDetection.maintenanceFloor = .seconds(10)
                configuration.failureDetection.connect = .seconds(10)
                configuration.failureDetection.cap = .seconds(20)
                configuration.transport.server.loggedFailuresPerSecond = 1_000
                configuration.shutdownGrace = .milliseconds(100)
                configuration.logger = log.logger
                let node = try await ChordNode(configuration)
                group.addTask { try await node.run() }
                try await node.waitUntilJoined()
                ring.nodes.append(node)
            }
            try await eventually("the ring is as it should be: \(log.lines)") { [ring] in
                ring.isIdeal
            }
            let result = try await body(ring)
            group.cancelAll()
            try await group.waitForAll()
            return result
        }
    }

    // MARK: The oracle

    /// The members as they stand on the circle.
    var inOrder: [NodeReference] {
        nodes.map(\.reference).sorted { $0.id < $1.id }
    }

    /// The owner of an identifier: the first node at or after it, or the first of all.
    func owner(of id: Identifier) -> NodeReference {
        inOrder.first { $0.id >= id } ?? inOrder[0]
    }

    /// The others, clockwise from a node.
    func after(_ node: NodeReference) -> [NodeReference] {
        let order = inOrder
        let index = order.firstIndex { $0.id == node.id } ?? 0
        return (1..<order.count).map { order[(index + $0) % order.count] }
    }

    private var isIdeal: Bool {
        nodes.allSatisfy { node in
            let others = after(node.reference)
            return node.successors == others
                && node.predecessor == (others.last ?? node.reference)
        }
    }
}

/// Runs a client of a node during `body`.
func withClient<R: Sendable>(
    of address: String,
    as caller: TestAuthority.Issued? = nil,
    _ body: (ChordClient) async throws -> R
) async throws -> R {
    let certificates = try await TestCertificates.get()
    var configuration = ChordClientConfiguration(
        nodes: [address],
        certificates: certificates.chord(caller ?? certificates.alice)
    )
    configuration.failureDetection = FailureDetection(allowing: .seconds(10))
    configuration.lookups = LookupLimits(allowing: .seconds(10))
    let client = try ChordClient(configuration)
    do {
        let result = try await body(client)
        await client.close()
        return result
    } catch {
        await client.close()
        throw error
    }
}
