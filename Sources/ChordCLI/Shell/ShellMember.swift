// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import Logging

/// The shell's node while it is in a ring, and the client with which the shell asks.
struct ShellMember: Sendable {
    let node: ChordNode
    let client: ChordClient
    private let running: Task<Void, any Error>

    /// Starts a node, and returns when it is a member.
    static func start(
        _ configuration: ChordConfiguration,
        client: ChordClientConfiguration
    ) async throws -> ShellMember {
        let node = try await ChordNode(configuration)
        let running = Task { try await node.run() }
        do {
            try await node.waitUntilJoined()
            var client = client
            client.nodes = [node.reference.address]
            return ShellMember(node: node, client: try ChordClient(client), running: running)
        } catch {
            running.cancel()
            _ = try? await running.value
            await node.close()
            throw error
        }
    }

    /// Waits until the node has ended, of itself or by `stop()`.
    ///
    /// - Throws: why it ended.
    func waitForEnd() async throws { try await running.value }

    /// Leaves the ring, as a node that comes back, and ends the node and the client.
    func stop() async {
        await client.close()
        running.cancel()
        _ = try? await running.value
        await node.close()
    }
}
