// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import Foundation
import ChordTestSupport
import Testing

/// Rings with random events, which must become ideal afterwards. A failing case names its
/// seed; `CHORD_SEED=17 swift test --filter RingPropertyTests` runs that one only.
@Suite(.tags(.interaction)) struct RingPropertyTests {
    static func seeds(_ count: UInt64) -> [UInt64] {
        if let seed = ProcessInfo.processInfo.environment["CHORD_SEED"].flatMap({ UInt64($0) }) {
            return [seed]
        }
        return Array(0..<count)
    }

    /// How many seeds a test runs: CHORD_SEEDS times as many as usual.
    static let factor =
        ProcessInfo.processInfo.environment["CHORD_SEEDS"].flatMap { UInt64($0) } ?? 1

    @Test(arguments: seeds(50 * factor))
    func growingRingBecomesIdeal(seed: UInt64) throws {
        var scenario = try Scenario(seed: seed, limits: Scenario.Limits(nodes: 1...40))
        try scenario.run()
    }

    @Test(arguments: seeds(60 * factor))
    func invariantHoldsInDelayingMode(seed: UInt64) throws {
        var scenario = try Scenario(
            seed: seed,
            limits: Scenario.Limits(nodes: 2...16, queryMode: .delaying, churnEvents: 300)
        )
        try scenario.run()
        #expect(scenario.violations.isEmpty)
    }

    @Test(arguments: seeds(60 * factor))
    func ringBecomesIdealAfterChurn(seed: UInt64) throws {
        var scenario = try Scenario(
            seed: seed,
            limits: Scenario.Limits(nodes: 2...16, queryMode: .answering, churnEvents: 300)
        )
        try scenario.run()
        #expect(scenario.violations.isEmpty)
    }

    /// The scenarios do what their name says: otherwise the others prove little.
    @Test func scenariosContainFailures() throws {
        var failures = 0
        for seed in UInt64(0)..<10 {
            var scenario = try Scenario(
                seed: seed,
                limits: Scenario.Limits(nodes: 10...16, queryMode: .delaying, churnEvents: 300)
            )
            try scenario.run()
            failures += scenario.failures
        }
        #expect(failures >= 20)
    }
}
