// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore

/// What is simulated.
package enum SimulationLevel: String, Hashable, Sendable, CaseIterable {
    /// Protocol machines under a heap of events.
    case machine
    /// Whole nodes on a simulated executor and network.
    case node

    /// What runs of this level are drawn from where nothing else is said.
    package var standardOptions: SwarmOptions {
        switch self {
        case .machine: SwarmOptions()
        case .node: NodeSimulation.standardOptions
        }
    }

    /// Runs the scenario that a seed stands for.
    package func run(seed: UInt64, options: SwarmOptions) -> SimulationReport {
        var report = run(Scenario.random(seed: seed, options: options))
        report.seed = seed
        return report
    }

    /// Runs a scenario.
    package func run(_ scenario: Scenario, recordsTrace: Bool = false) -> SimulationReport {
        switch self {
        case .machine: MachineSimulation.run(scenario, recordsTrace: recordsTrace)
        case .node: NodeSimulation.run(scenario, recordsTrace: recordsTrace)
        }
    }

    /// The shortest scenario found that goes wrong in the same way.
    package func shrink(_ scenario: Scenario, attempts: Int) -> Scenario {
        ScenarioShrinker.shrink(scenario, attempts: attempts) { run($0).violation?.kind }
    }
}

/// Which of the query modes runs are to have, for those who do not know the machine.
package enum SimulatedMode: String, Hashable, Sendable, CaseIterable {
    case answering
    case delaying

    package var queryModes: [ChordMachine.QueryMode] {
        switch self {
        case .answering: [.answering]
        case .delaying: [.delaying]
        }
    }
}
