// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordSimulator
import FuzzSupport

/// The text of a scenario.
enum ScenarioTarget: FuzzTarget {
    static let name = "scenario"

    static var seeds: [[UInt8]] {
        (UInt64(1)...12).map { Array(Scenario.random(seed: $0).text.utf8) }
    }

    static func run(_ input: UnsafeRawBufferPointer) throws {
        let text = String(decoding: input, as: UTF8.self)
        guard let scenario = try? Scenario(text: text) else { return }
        let shares = [
            scenario.network.loss, scenario.network.duplication, scenario.timing.jitter,
            scenario.timing.clockSkew,
        ]
        try require(shares.allSatisfy { (0...1).contains($0) }, "shares that are none: \(shares)")
        let written = scenario.text
        let again: Scenario
        do {
            again = try Scenario(text: written)
        } catch {
            throw FuzzFinding("cannot read what was written: \(error)\n\(written)")
        }
        try require(again == scenario, "does not come back:\n\(written)\n\(again.text)")
    }
}

#if FUZZING
@_cdecl("FuzzScenario_main")
func start(_ count: CInt, _ arguments: FuzzArguments) -> CInt {
    ScenarioTarget.start(count, arguments) { ScenarioTarget.fuzz($0, $1) }
}
#endif
