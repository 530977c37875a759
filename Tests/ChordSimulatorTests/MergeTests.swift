// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordTestSupport
import Testing

@testable import ChordSimulator

/// Rings that meet.
@Suite(.tags(.simulation), .ownThreads) struct MergeTests {
    @Test(.timeLimit(.minutes(5)), arguments: [2, 3, 7], [0, 3])
    func ringsThatMeetMerge(parts: Int, fanout: Int) {
        let result = MergeTrial(nodes: 100, parts: parts, fanout: fanout, seed: 1).run()
        #expect(result.timeWithFingers != nil)
    }

    /// Where everybody is in one ring, the word that somebody is in another costs its lookup.
    @Test(.timeLimit(.minutes(5))) func falseAlarmEndsAtOnce() {
        let result = MergeTrial(nodes: 200, parts: 1, fanout: 3, seed: 1).run()
        #expect(result.timeWithFingers != nil)
        #expect(result.mergeMessages <= 40)
    }

    /// Every other node as successor: with an odd number of nodes one cycle, twice around the circle, of
    /// which every member is its successor's predecessor.
    @Test(.timeLimit(.minutes(5)), arguments: [7, 21, 101])
    func ringWoundTwiceIsUnwound(count: Int) {
        var scenario = Scenario(
            seed: 1,
            width: 16,
            successorCount: 3,
            queryMode: .answering,
            founders: [],
            healTime: .zero
        )
        scenario.admitsOnly = false
        let world = MachineWorld(scenario)
        for number in 1...count { world.add(number, id: Identifier(UInt64(number * 500))) }
        let ring = (1...count).map { world.nodes[$0].reference }
        for index in ring.indices {
            let others = [2, 4, 6, count - 2].map { ring[(index + $0) % count] }
            _ = world.nodes[index + 1].machine.found(with: others)
            world.becameMember(index + 1)
        }
        #expect(world.snapshot().ringCount == 2)
        var rounds = 0
        while rounds < 100, !IdealChecker.flaws(in: world.snapshot(), limit: 1).isEmpty {
            rounds += 1
            _ = world.run(until: world.now + world.stabilize)
        }
        #expect(world.violation == nil)
        #expect(rounds < 100)
    }

    @Test func groupsAreNodesThatKnowEachOther() {
        #expect(Acquaintance.groups([:]) == 0)
        #expect(Acquaintance.groups([1: [2], 2: [1], 3: []]) == 2)
        #expect(Acquaintance.groups([1: [2], 2: [], 3: [2]]) == 1)
        // A process that is no member introduces nobody.
        #expect(Acquaintance.groups([1: [9], 2: [9]]) == 2)
    }
}
