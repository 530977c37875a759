// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import ChordCommandLine

/// `chord store set`.
struct StoreSetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Change a setting of the whole store.",
        subcommands: [StoreSetReplicasCommand.self]
    )
}

/// `chord store set replicas`.
struct StoreSetReplicasCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replicas",
        abstract: "Set the number of nodes that hold each key.",
        discussion: """
            The number is set for one range after the other around the ring, and holds for ranges that are split \
            later. It needs a certificate of role admin. The copies follow, one at a time and each by an agreement of \
            the former and the new nodes; chord store status shows those that are still missing.

            A larger number needs as many members with a store. If the command fails on the way, run it again: ranges \
            that have the number already are passed over.
            """
    )

    @Argument(help: "1, 3, 5 or 7; at most the length of the ring's successor lists.")
    var number: Int

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup(title: "The ring")
    var ring: RingOptions

    func validate() throws {
        guard [1, 3, 5, 7].contains(number) else {
            throw ValidationError(
                "The number of replicas must be 1, 3, 5 or 7, not \(number): an even number survives no more"
                    + " failures than the odd one below it."
            )
        }
    }

    func run() async throws {
        try await reportingFailures {
            try await ring.withClient { client in
                let width = try await client.parameters().space.width
                let changes = try await client.store.setReplicas(number, timeout: .seconds(30)) {
                    if !json { StandardStreams.output(Self.line($0)) }
                }
                let text =
                    json ? Self.json(number, changes, width).lines : Self.summary(number, changes)
                StandardStreams.output(text)
            }
        }
    }

    static func line(_ change: StoreReplicasChange) -> String {
        let range = change.range.prefix(8)
        return change.former == change.replicas
            ? "range \(range)  \(change.replicas) already"
            : "range \(range)  \(change.former) -> \(change.replicas)"
    }

    static func summary(_ number: Int, _ changes: [StoreReplicasChange]) -> String {
        "\(changes.count.counted("range")), each wants \(number.counted("replica")); chord store status shows what is"
            + " still missing"
    }

    static func json(_ number: Int, _ changes: [StoreReplicasChange], _ width: Int) -> JSON {
        .object([
            ("replicas", .integer(number)),
            (
                "ranges",
                .array(
                    changes.map { change in
                        .object([
                            ("range", .string(change.range)),
                            ("bounds", .range(change.bounds, width: width)),
                            ("former", .integer(change.former)),
                        ])
                    }
                )
            ),
        ])
    }
}
