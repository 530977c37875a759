// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordSimulator
import ChordTestSupport
import Testing

/// Ranges that lose a voter without another in its place, just after another voter has died.
@Suite("Fewer voters, right after a crash", .tags(.simulation), .ownThreads)
struct StoreRemovalTests {
    /// Three nodes with three voters for each range; one of them crashes, something happens, and each range answers.
    private func expectAnswers(without dead: String, after event: (StoreWorld) -> Void) {
        let world = StoreWorld(seed: 41, nodes: 3, clients: 1)
        world.drive {
            world.start()
            let before = world.settle(atMost: .seconds(60))
            #expect(before.defects.isEmpty, "\(before.defects)")
            world.crash(dead)
            event(world)
            world.run(for: .seconds(10))
            let defects = world.answerDefects(within: .seconds(20))
            #expect(defects.isEmpty, "without \(dead): \(defects)")
        }
        #expect(world.problems.isEmpty, "\(world.problems)")
    }

    @Test("an administrator wants fewer", arguments: ["s1", "s2", "s3"])
    func trimmed(dead: String) {
        expectAnswers(without: dead) { $0.setReplicas(1) }
    }

    @Test("a node leaves for good", arguments: ["s1", "s2", "s3"])
    func left(dead: String) {
        for leaving in ["s1", "s2", "s3"] where leaving != dead {
            expectAnswers(without: dead) { $0.announceLeaving(of: leaving) }
        }
    }
}
