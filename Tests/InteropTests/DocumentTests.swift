// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Foundation
import Testing

/// Documents whose steps are run as they stand (`scripts/run-document`).
@Suite("Documents", .tags(.network, .slow), .serialized, .timeLimit(.minutes(5)))
struct DocumentTests {
    @Test("docs/interop.md makes a mixed ring, from its first line to its last")
    func interop() async throws {
        let root = Python.root
        let command = URL(fileURLWithPath: chordCommand)
        #expect(command.lastPathComponent == "chord")
        let interpreter = URL(fileURLWithPath: try await Python.get().interpreter)
        // bin/python3 in the environment that the document's targets expect at the top of the tree.
        let environment = interpreter.deletingLastPathComponent().deletingLastPathComponent()
        try await ChildProcess.running(
            interpreter.path,
            [
                root.appendingPathComponent("scripts/run-document").path,
                root.appendingPathComponent("docs/interop.md").path,
                "--checkout", "--link", environment.lastPathComponent,
                "--path", command.deletingLastPathComponent().path, "--free-ports",
            ],
            environment: ["PYTHONDONTWRITEBYTECODE": "1"]
        ) { process in
            try await eventually(
                "the document has been run; so far: \(process.report)",
                within: .seconds(240)
            ) {
                process.output.hasEnded && process.errors.hasEnded
            }
            #expect(try await process.exit() == 0, "\(process.report)")
        }
    }
}
