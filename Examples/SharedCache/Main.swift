// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import Logging

/// Runs three nodes with a cache each on this machine. A value that one changes is dropped by all.
///
/// `make certs`, then `swift run --package-path Examples/SharedCache SharedCache certs/generated`.
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
        let caches = nodes.map { NearCache($0.store, partition: Array("pages".utf8)) }
        let watches = caches.map { cache in Task { try await cache.run() } }
        let page = Array("/index".utf8)
        try await caches[0].put(page, Array("first edition".utf8))
        for edition in ["first edition", "second edition"] {
            try await caches[0].put(page, Array(edition.utf8))
            // The others are told a moment later.
            for cache in caches {
                while try await cache.get(page) != Array(edition.utf8) {
                    try await Task.sleep(for: .milliseconds(10))
                }
            }
            for _ in 0..<1000 { for cache in caches { _ = try await cache.get(page) } }
            for (node, cache) in zip(nodes, caches) {
                print(node.reference.name, edition, "answers without a call:", await cache.hits)
            }
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
