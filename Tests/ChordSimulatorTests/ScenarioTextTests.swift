// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordSimulator
import ChordTestSupport
import Testing

@Suite(.tags(.unit)) struct ScenarioTextTests {
    @Test(arguments: UInt64(0)..<200)
    func randomScenarioSurvivesItsText(seed: UInt64) throws {
        let scenario = Scenario.random(seed: seed)
        #expect(try Scenario(text: scenario.text) == scenario)
    }

    @Test(
        arguments: [
            "", "ring width 8 list 2 delaying seed 1", "heal at 1s",
            "ring width 0 list 2 delaying seed 1\nmember n1 at 1\nheal at 1s",
            "ring width 65 list 2 delaying seed 1\nmember n1 at 1\nheal at 1s",
            "ring width 8 list 2 eager seed 1\nmember n1 at 1\nheal at 1s",
            "ring width 8 list 2 delaying seed 1\nmember n1 at 256\nheal at 1s",
            "ring width 8 list 2 delaying seed 1\nmember n1 at 1\nmember n2 at 1\nheal at 1s",
            "ring width 8 list 2 delaying seed 1\nmember x at 1\nheal at 1s",
            "ring width 8 list 2 delaying seed 1\nmember n1 at 1\nat 1s explode n1\nheal at 1s",
            "ring width 8 list 2 delaying seed 1\nmember n1 at 1\nat 1s crash\nheal at 1s",
            "ring width 8 list 2 delaying seed 1\nmember n1 at 1\nat 1s crash n1 n2\nheal at 1s",
            "ring width 8 list 2 delaying seed 1\nmember n1 at 1\nat -1s crash n1\nheal at 1s",
            "ring width 8 list 2 delaying seed 1\nnetwork delay uniform 5ms 1ms\nmember n1 at 1\nheal at 1s",
        ])
    func malformedScenarioIsRefused(text: String) {
        #expect(throws: ScenarioError.self) { try Scenario(text: text) }
    }

    @Test func everyVerbSurvivesItsText() throws {
        let text = """
            ring width 8 list 2 delaying seed 1
            # A comment.
            network delay heavy 1ms 20ms loss 0.5 duplicate 0.25 silent
            birth grown
            failures any
            lookups every 100ms
            member n1 at 1
            member n2 at 200
            at 1ms join n3 at 7 via n1
            at 2ms crash n1
            at 3ms restart n1 via n2
            at 4ms bounce n2 for 250us
            at 5ms pause n2 for 7ms
            at 6ms leave n3
            at 7ms partition n1,n2 n3
            at 8ms partitionOneway n1 n2,n3
            at 9ms repair n1,n2 n3
            at 10ms repair all
            at 11ms hold n1 n2
            at 12ms release n1 n2
            at 13ms lookup 255 from n2
            heal at 2s
            ----
            holds
            """
        let scenario = try Scenario(text: text)
        #expect(scenario.faults.count == 13)
        #expect(
            scenario.network.delay
                == .heavyTailed(least: .milliseconds(1), limit: .milliseconds(20))
        )
        #expect(!scenario.isTruthful)
        #expect(try Scenario(text: scenario.text) == scenario)
    }
}
