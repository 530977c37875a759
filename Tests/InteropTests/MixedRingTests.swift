// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Foundation
import Testing

/// Rings of our processes and of a node of Concord's contract in Python, with its faults. What is run here
/// in small, `make interop` runs in full; the scenarios are those of Tests/Interop/concord/mixed.py.
@Suite("Mixed rings", .serialized, .timeLimit(.minutes(3)))
struct MixedRingTests {
    @Test(
        "rings of both kinds become ideal, mend, and name the right owners",
        arguments: [
            "three-and-three", "one-and-five", "two", "two-crash-at-once", "hosts-only",
            "hostile-peers", "check",
        ]
    )
    func scenario(_ name: String) async throws {
        try await Python.get().running(
            "concord/mixed.py",
            arguments: ["--chord", chordCommand, "--keys", "100", "--short", name]
        ) { process in
            try await eventually("\(name) ends; it says: \(process.report)", within: .seconds(120))
            {
                process.output.hasEnded && process.errors.hasEnded
            }
            #expect(process.output.lines.last == "all hold", "\(process.report)")
        }
    }
}
