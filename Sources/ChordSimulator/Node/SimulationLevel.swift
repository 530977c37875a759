// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore

/// The level of a simulation.
package enum SimulationLevel: String, Hashable, Sendable, CaseIterable {
    /// Protocol machines with an event heap.
    case machine
    /// Whole nodes on a simulated executor and network.
    case node

    /// The default ranges for random scenarios of this level.
    package var standardOptions: SwarmOptions {
        switch self {
        case .machine: SwarmOptions()
        case .node: NodeSimulation.standardOptions
        }
    }

    /// Runs the scenario of a seed.
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

    /// The shortest scenario found with the same kind of violation.
    package func shrink(_ scenario: Scenario, attempts: Int) -> Scenario {
        ScenarioShrinker.shrink(scenario, attempts: attempts) { run($0).violation?.kind }
    }
}

/// The query modes of the runs, in words that need no knowledge of the machine.
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
