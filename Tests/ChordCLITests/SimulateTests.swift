// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Testing

/// `chord-sim simulate` as a user runs it.
@Suite(.tags(.simulation), .ownThreads, .timeLimit(.minutes(3)))
struct SimulateTests {
    @Test("One seed gives one trace hash in two processes", arguments: ["machine", "node"])
    func oneHash(level: String) async throws {
        let arguments = ["simulate", "--level", level, "--seed", "3", "--nodes", "4...6"]
        let first = try await ChordProcess.run(arguments, program: ChordProcess.simulator)
        let second = try await ChordProcess.run(arguments, program: ChordProcess.simulator)
        #expect(first.code == 0, "\(first.output)\(first.errors)")
        let hash = try #require(first.output.firstMatch(of: /trace ([0-9a-f]{16})/)).1
        #expect(second.output.contains("trace \(hash)"))
        let other = try await ChordProcess.run(
            ["simulate", "--level", level, "--seed", "4", "--nodes", "4...6"],
            program: ChordProcess.simulator
        )
        #expect(!other.output.contains("\(hash)"), "another seed is another run")
    }

    @Test("One large ring reports events per second and bytes per node")
    func largeRing() async throws {
        let outcome = try await ChordProcess.run(
            ["simulate", "--large", "60"],
            program: ChordProcess.simulator
        )
        #expect(outcome.code == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("60 nodes: ideal after"))
        #expect(outcome.output.contains("bytes per node"))
        #expect(outcome.output.contains("events per second"))
        let refused = try await ChordProcess.run(
            ["simulate", "--large", "0"],
            program: ChordProcess.simulator
        )
        #expect(refused.code == 64)
        #expect(refused.errors.contains("chord-sim: --large must be from 1 to 1000000\n"))
    }

    @Test(
        "Numbers that are too large are usage errors",
        arguments: [
            (["--first", "18446744073709551615"], "--first is too large"),
            (["--first", "18446744073709551615", "--seeds", "1"], "--first is too large"),
            (["--first", "18446744073709551616"], "--first"),
            (["--seeds", "9223372036854775807"], "--seeds must be at most"),
            (["--seeds", "1", "--jobs", "9223372036854775807"], "--jobs at most"),
            (["--large", "9223372036854775807"], "--large must be from 1 to"),
            (["--merge", "9223372036854775807"], "--merge must be from 1 to"),
            (["--merge", "10", "--fanout", "9223372036854775807"], "--fanout at most"),
            (["--nodes", "1...9223372036854775807"], "--nodes"),
            (["--seed", "-1"], "--seed"),
        ]
    )
    func numbersTooLarge(arguments: [String], message: String) async throws {
        let outcome = try await ChordProcess.run(
            ["simulate"] + arguments,
            program: ChordProcess.simulator
        )
        #expect(outcome.code == 64, "\(outcome.output)\(outcome.errors)")
        #expect(outcome.errors.contains(message), "\(outcome.errors)")
    }
}
