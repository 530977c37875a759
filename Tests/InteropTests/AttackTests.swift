// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Foundation
import Testing

/// The attacks of Benchmarks/attack against real nodes, without rates. Each attacker sees the limit
/// that stops it, a good client beside it is answered, memory and log are bounded, and the ring is
/// whole afterwards. `make attack` measures the good client's rate, too.
@Suite("Attacks", .tags(.network, .slow), .serialized, .timeLimit(.minutes(5)))
struct AttackTests {
    /// One program for all of them, as they share a ring.
    @Test("Nodes hold every attack, and are whole afterwards")
    func attacks() async throws {
        let python = try await Python.get()
        try await ChildProcess.running(
            python.interpreter,
            [
                Python.root.appendingPathComponent("Benchmarks/attack/attack.py").path,
                "--short", "--chord", chordCommand,
            ],
            environment: ["PYTHONDONTWRITEBYTECODE": "1"]
        ) { process in
            try await eventually(
                "the attacks end; they say: \(process.report)",
                within: .seconds(240)
            ) {
                process.output.hasEnded && process.errors.hasEnded
            }
            #expect(process.output.lines.last == "all hold", "\(process.report)")
        }
    }
}
