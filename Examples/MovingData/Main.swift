// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import Logging

/// Runs two nodes on this machine. The second joins, takes over its share of a thousand values, and
/// leaves again.
///
/// `make certs`, then `swift run --package-path Examples/MovingData MovingData certs/generated`.
@main
enum Main {
    static func main() async throws {
        let folder = CommandLine.arguments.dropFirst().first ?? "certs/generated"
        let first = try await node("n1", in: folder)
        let second = try await node("n2", in: folder, joining: first)
        let movers = Movers()
        let one = await movers.add(first)
        let two = await movers.add(second)

        try await running(first) {
            for number in 0..<1000 { try await one.receive(["key \(number)": "\(number)"]) }
            let moving = Task { await one.run() }
            try await running(second) {
                let movingToo = Task { await two.run() }
                for await event in first.events() {
                    guard case .event(.successorsChanged) = event else { continue }
                    break
                }
                print("n1 has \(await one.values.count), n2 has \(await two.values.count)")
                try await two.leave()
                movingToo.cancel()
            }
            print("n2 has left: n1 has \(await one.values.count)")
            moving.cancel()
        }
    }

    private static func node(
        _ name: String,
        in folder: String,
        joining other: ChordNode? = nil
    ) async throws -> ChordNode {
        var configuration = ChordConfiguration(
            name: name,
            ring: RingConfiguration(name: "moving"),
            certificates: Certificates(directory: folder, name: name)
        )
        configuration.listen = "127.0.0.1:0"
        configuration.contacts = other.map { [$0.reference.address] } ?? []
        configuration.timings = .local
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
