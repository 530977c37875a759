// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import ChordCommandLine

/// `chord leave`.
struct LeaveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "leave",
        abstract: "Make one node leave its ring and stop.",
        discussion: """
            The node first moves its part of the store to other nodes; a line shows what is left. Then it tells \
            its neighbours, and its process ends with code 0. It stays if a range would lose its majority, and if \
            this command is interrupted. A node that is stopped with SIGTERM keeps its part, and is expected back. \
            The node must be given by exactly one --node; CHORD_NODE and .chord.env are not used. The command \
            needs an administrator's certificate (make admin-cert).
            """
    )

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup(title: "The ring")
    var ring: RingOptions

    func validate() throws {
        switch ring.namedNodes.count {
        case 1: break
        case 0: throw ValidationError("Give the node that is to leave with --node.")
        default:
            throw ValidationError(
                "One node leaves at a time: give --node once, not \(ring.namedNodes.count) nodes"
                    + " (\(ring.namedNodes.joined(separator: ", ")))."
            )
        }
    }

    func run() async throws {
        try await reportingFailures {
            try await ring.withClient { client in
                let width = json ? try await client.describe().parameters.space.width : 0
                let node = try await leave(client)
                StandardStreams.output(
                    json
                        ? JSON.object([("left", .node(node, width: width))]).lines
                        : "\(node.name.printable) at \(node.address) has left the ring and stops"
                )
            }
        }
    }

    /// Lets the node leave, and shows meanwhile what it still has to move.
    private func leave(_ client: ChordClient) async throws -> NodeReference {
        let isSilent = json
        return try await withThrowingTaskGroup(of: NodeReference?.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await client.leave() }
            group.addTask {
                await LeaveProgress.show(of: client, isSilent: isSilent)
                return nil
            }
            while let done = try await group.next() {
                if let done { return done }
            }
            throw CancellationError()
        }
    }
}
