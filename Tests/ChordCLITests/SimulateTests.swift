// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Testing

/// `chord simulate` as a user runs it.
@Suite(.timeLimit(.minutes(3)))
struct SimulateTests {
    @Test("one seed gives one trace hash in two processes", arguments: ["machine", "node"])
    func oneHash(level: String) async throws {
        let arguments = ["simulate", "--level", level, "--seed", "3", "--nodes", "4...6"]
        let first = try await ChordProcess.run(arguments)
        let second = try await ChordProcess.run(arguments)
        #expect(first.code == 0, "\(first.output)\(first.errors)")
        let hash = try #require(first.output.firstMatch(of: /trace ([0-9a-f]{16})/)).1
        #expect(second.output.contains("trace \(hash)"))
        let other = try await ChordProcess.run(
            ["simulate", "--level", level, "--seed", "4", "--nodes", "4...6"]
        )
        #expect(!other.output.contains("\(hash)"), "another seed is another run")
    }
}
