// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChordBase
import ChordCommandLine
import ChordSimulator

/// `chord-sim check-history`.
struct CheckHistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-history",
        abstract: "Check whether a recorded history of a store's clients is linearizable.",
        discussion: """
            The file has one JSON object per line for each operation, as the head of \
            Sources/ChordSimulator/Linearizability/HistoryReader.swift describes. The exit code is 1 if no \
            order of the operations fits, or if the search takes too long.
            """
    )

    @Argument(help: "The file with the history.", completion: .file())
    var file: String

    func run() async throws {
        try await CommandFailure.reporting {
            let text: [UInt8]
            do {
                text = try Files.bytes(of: file)
            } catch {
                throw CommandFailure(.configuration, "cannot read \(error)")
            }
            let check: HistoryCheck
            do throws(HistoryError) {
                check = try HistoryCheck(text)
            } catch {
                throw CommandFailure(.configuration, "\(file): \(error.message)")
            }
            StandardStreams.output(check.text)
            guard check.passed else { throw ExitCode(CommandFailure.Kind.failed.rawValue) }
        }
    }
}
