// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import ChordCommandLine

/// `chord merge`.
struct MergeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge",
        abstract: "Merge two rings of the same name.",
        discussion: """
            For rings that have never met, or that have forgotten each other. A ring that was split merges \
            again by itself. The node given by --node calls CONTACT, a member of the other ring. The rings \
            merge after that; chord ring --wait shows when they have. Rings with different names or \
            parameters do not merge. The command needs an administrator's certificate (make admin-cert).
            """
    )

    @Argument(
        help: ArgumentHelp(
            "A member of the other ring, at an address that the node of --node can reach.",
            valueName: "contact"
        )
    )
    var contact: String

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup(title: "The ring")
    var ring: RingOptions

    func run() async throws {
        try await reportingFailures {
            try await ring.withClient { client in
                let merge = try await client.merge(with: contact)
                let node = "\(merge.contact.name.printable) at \(merge.contact.address.printable)"
                let width = json ? try await client.parameters().space.width : 0
                let text =
                    merge.wasOne
                    ? "\(node) is already in the same ring: there is nothing to merge"
                    : "\(node) answers; the rings now merge"
                let object = JSON.object([
                    ("merging_with", .node(merge.contact, width: width)),
                    ("was_one", .boolean(merge.wasOne)),
                ])
                StandardStreams.output(json ? object.lines : text)
            }
        }
    }
}
