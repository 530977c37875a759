// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import Logging

/// Runs three nodes on this machine that follow the settings of their fleet.
///
/// `make certs`, then `swift run --package-path Examples/FleetSettings FleetSettings certs/generated`.
@main
enum Main {
    static func main() async throws {
        let folder = CommandLine.arguments.dropFirst().first ?? "certs/generated"
        let first = try await node("n1", in: folder)
        let second = try await node("n2", in: folder, joining: first)
        let third = try await node("n3", in: folder, joining: first)
        try await running(first) {
            try await running(second) {
                try await running(third) { try await show([first, second, third]) }
            }
        }
    }

    nonisolated(nonsending) private static func show(_ nodes: [ChordNode]) async throws {
        let (seen, see) = AsyncStream.makeStream(of: String.self)
        var fleets: [FleetSettings] = []
        for node in nodes {
            let name = node.reference.name
            fleets.append(
                FleetSettings(node.store, fleet: "web") { settings in
                    guard settings.values["theme"] == "dark" else { return }
                    see.yield("\(name) has \(settings.values.sorted { $0.key < $1.key })")
                }
            )
        }
        let watches = fleets.map { fleet in Task { try await fleet.run() } }
        try await fleets[0].set(["theme": "dark", "language": "en"])
        var left = nodes.count
        for await line in seen {
            print(line)
            left -= 1
            if left == 0 { break }
        }
        for watch in watches { watch.cancel() }
    }

    private static func node(
        _ name: String,
        in folder: String,
        joining other: ChordNode? = nil
    ) async throws -> ChordNode {
        var configuration = ChordConfiguration(
            name: name,
            ring: RingConfiguration(name: "example"),
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
