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
            "Try the Chord protocol out: rings under random faults, and experiments of the literature.",
        discussion: """
            EXIT CODES
              0   done, and what was checked holds
              1   what was checked does not hold
              64  the command line was not understood
              78  a file that cannot be read or written
            """,
        subcommands: [SimulateCommand.self, ExperimentCommand.self]
    )
}
