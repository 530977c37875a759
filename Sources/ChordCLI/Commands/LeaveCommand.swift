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
            The node tells its neighbours, and its process ends with code 0, as after SIGTERM. The node must \
            be given by exactly one --node; CHORD_NODE and .chord.env are not used. The command needs \
            an administrator's certificate (make admin-cert).
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
                let node = try await client.leave()
                StandardStreams.output(
                    json
                        ? JSON.object([("left", .node(node, width: width))]).lines
                        : "\(node.name.printable) at \(node.address) has left the ring and stops"
                )
            }
        }
    }
}
