// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Foundation
import Testing

/// Rings of our processes and of a node of Concord's contract in Python, with its faults. What is run here
/// in small, in two to five minutes, `make interop` runs in full, in about an hour. The scenarios are those
/// of Tests/Interop/concord/mixed.py.
@Suite("Mixed rings", .tags(.network, .slow), .serialized, .timeLimit(.minutes(10)))
struct MixedRingTests {
    /// One program for all of them, as they share certificates.
    @Test("Mixed rings become ideal, recover, and name the right owners")
    func scenarios() async throws {
        let scenarios = [
            "three-and-three", "one-and-five", "two", "two-crash-at-once", "hosts-only",
            "hostile-peers", "check", "at-their-pace-hosts",
        ]
        try await Python.get().running(
            "concord/mixed.py",
            arguments: ["--chord", chordCommand, "--keys", "100", "--short"] + scenarios
        ) { process in
            try await eventually(
                "the scenarios end; they say: \(process.report)",
                within: .seconds(500)
            ) {
                process.output.hasEnded && process.errors.hasEnded
            }
            #expect(process.output.lines.last == "all hold", "\(process.report)")
        }
    }
}
