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
        abstract: "Make two rings of one name one ring.",
        discussion: """
            For rings that have never met, or have forgotten each other: a ring that came apart becomes one \
            again by itself. The node asked (--node) calls CONTACT, a member of the other ring, and the \
            rings become one after that; chord ring --wait tells when. Rings whose names or parameters \
            differ are not merged. It takes the certificate of an administrator (make admin-cert).
            """
    )

    @Argument(
        help: ArgumentHelp(
            "A member of the other ring, as the node asked can reach it.",
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
                    ? "\(node) is in the same ring already: there is nothing to merge"
                    : "\(node) answers; the rings become one now"
                let object = JSON.object([
                    ("merging_with", .node(merge.contact, width: width)),
                    ("was_one", .boolean(merge.wasOne)),
                ])
                StandardStreams.output(json ? object.lines : text)
            }
        }
    }
}
