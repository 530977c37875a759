// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import Logging

/// Runs three nodes on this machine that take turns with a lock.
///
/// `make certs`, then `swift run --package-path Examples/StoreLock StoreLock certs/generated`.
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
        let log = FencedLog()
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for node in nodes {
                tasks.addTask {
                    let name = node.reference.name
                    let lock = StoreLock(node.store, partition: "jobs", name: "lock", owner: name)
                    for turn in 1...3 {
                        let holding = try await lock.acquire()
                        try await log.append("\(name), turn \(turn)", fence: holding.fence)
                        try await lock.release(holding)
                    }
                }
            }
            try await tasks.waitForAll()
        }
        for line in await log.lines { print(line) }
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
