// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import ChordCommandLine

/// The version of this command.
enum Version {
    static let text = "chord \(ChordVersion.number)"
}

/// `chord version`.
struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "Print the version."
    )

    @Flag(help: "Print JSON.")
    var json = false

    func run() {
        let object = JSON.object([("version", .string("\(ChordVersion.number)"))])
        StandardStreams.output(json ? object.lines : Version.text)
    }
}
