// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordSimulator
import ChordTestSupport
import Testing

@Suite(.tags(.simulation), .ownThreads) struct ShrinkerTests {
    /// Only what the failure needs is left: here, a crash of n2 after a join.
    @Test func unneededFaultsAreDropped() throws {
        var scenario = Scenario(
            seed: 1,
            width: 16,
            successorCount: 3,
            queryMode: .answering,
            founders: (1...9).map { .init(number: $0, id: Identifier(UInt64($0) * 1000)) }
        )
        for number in 1...9 {
            scenario.faults.append(TimedFault(at: .seconds(number), .crash(number)))
            let join = Fault.join(20 + number, id: Identifier(UInt64(number)), via: 1)
            scenario.faults.append(TimedFault(at: .seconds(number), join))
        }
        var runs = 0
        let shrunk = ScenarioShrinker.shrink(scenario) { scenario in
            runs += 1
            let faults = scenario.faults.map(\.fault)
            guard
                let join = faults.firstIndex(where: { if case .join = $0 { true } else { false } }),
                let crash = faults.firstIndex(of: .crash(2)), join < crash
            else { return nil }
            return .invariant
        }
        #expect(shrunk.faults.count == 2)
        #expect(shrunk.founders.count == 1)
        #expect(runs < 300)
    }

    @Test func passingScenarioIsUnchanged() {
        let scenario = Scenario.random(seed: 3)
        #expect(ScenarioShrinker.shrink(scenario) { _ in nil } == scenario)
    }

    /// Another kind of failure is another bug: shrinking does not slip from one to the next.
    @Test func shrinkingKeepsTheKindOfFailure() {
        var scenario = Scenario.random(seed: 4)
        scenario.faults = [
            TimedFault(at: .seconds(1), .crash(1)), TimedFault(at: .seconds(2), .crash(2)),
        ]
        let shrunk = ScenarioShrinker.shrink(scenario) { candidate in
            candidate.faults.isEmpty ? .endless : candidate.faults.count == 2 ? .notIdeal : nil
        }
        #expect(shrunk.faults.count == 2)
    }

    /// From a real run to text and back: the shrunken scenario still goes wrong in the same way.
    @Test func shrunkenScenarioReplaysFromItsText() throws {
        var scenario = Scenario(
            seed: 1,
            width: 16,
            successorCount: 2,
            queryMode: .answering,
            founders: (1...6).map { .init(number: $0, id: Identifier(UInt64($0) * 10_000)) },
            healTime: .seconds(31)
        )
        scenario.faults = [
            TimedFault(at: .milliseconds(500), .bounce(2, down: .milliseconds(100))),
            TimedFault(at: .seconds(1), .partition([1, 3, 5], [2, 4, 6])),
            TimedFault(at: .seconds(2), .lookup(at: 1, Identifier(7))),
            TimedFault(at: .seconds(31), .repairAll),
        ]
        let rings = MachineSimulation.run(scenario).ringsAtRepair
        #expect(rings == 2)
        let shrunk = ScenarioShrinker.shrink(scenario, attempts: 100) {
            MachineSimulation.run($0).ringsAtRepair == rings ? .notIdeal : nil
        }
        let read = try Scenario(text: shrunk.text)
        #expect(MachineSimulation.run(read).ringsAtRepair == rings)
        #expect(read.faults.count == 1)
    }
}
