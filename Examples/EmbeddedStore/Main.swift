// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import Logging

/// Runs two nodes with a store on this machine. Both count visits in it.
///
/// `make certs`, then `swift run --package-path Examples/EmbeddedStore EmbeddedStore certs/generated`.
@main
enum Main {
    static func main() async throws {
        let folder = CommandLine.arguments.dropFirst().first ?? "certs/generated"
        let first = try await node("n1", in: folder)
        let second = try await node("n2", in: folder, joining: first)
        try await running(first) {
            try await running(second) {
                let counters = [VisitCounter(first), VisitCounter(second)]
                for number in 0..<100 { _ = try await counters[number % 2].visit("/index") }
                print("visits:", try await counters[0].all())
            }
        }
    }

    private static func node(
        _ name: String,
        in folder: String,
        joining other: ChordNode? = nil
    ) async throws -> ChordNode {
        var configuration = ChordConfiguration(
            name: name,
            ring: RingConfiguration(name: "visits"),
            certificates: Certificates(directory: folder, name: name)
        )
        configuration.listen = "127.0.0.1:0"
        configuration.contacts = other.map { [$0.reference.address] } ?? []
        configuration.timings = .local
        // In memory: what is stored ends with the last node.
        configuration.store = StoreConfiguration(.memory)
        configuration.logger.logLevel = .warning
        return try await ChordNode(configuration)
    }

    /// Runs a node while `body` runs. `body` starts when the node is a member.
    nonisolated(nonsending) private static func running(
        _ node: ChordNode,
        _ body: () async throws -> Void
    ) async throws {
        let task = Task { try await node.run() }
        try await node.waitUntilJoined()
        try await body()
        task.cancel()
        try await task.value
        await node.close()
    }
}
