// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// The version of this command.
enum Version {
    static let number = "0.1.0"
    static let text = "chord \(number)"
}

/// `chord version`.
struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "Print the version."
    )

    func run() {
        Standard.output(Version.text)
    }
}
