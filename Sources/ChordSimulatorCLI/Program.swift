// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChordCommandLine

/// The `chord-sim` program.
@main
enum Program {
    static func main() async {
        CommandProcess.prepare()
        await CommandProcess.run(SimulatorCommand.self)
    }
}

/// The `chord-sim` command.
struct SimulatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chord-sim",
        abstract:
            "Test the Chord protocol: rings under random faults, and measurements of the Chord papers.",
        discussion: """
            EXIT CODES
              0   success: all checks hold
              1   a check failed
              64  wrong command line
              78  a file cannot be read or written
            """,
        subcommands: [
            SimulateCommand.self, StoreCommand.self, CheckHistoryCommand.self,
            ExperimentCommand.self,
        ]
    )
}
