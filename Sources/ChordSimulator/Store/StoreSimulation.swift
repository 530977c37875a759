// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase

/// One run of a simulated store: faults while clients read and write, then the end of all faults, after which
/// everything must be answered, and the check of what the clients saw.
package struct StoreSimulation: Sendable {
    /// Virtual time from one fault to the next.
    private static let faultInterval: Duration = .seconds(5)

    package var seed: UInt64
    package var nodes: Int
    package var clients: Int
    package var faults: Int

    package init(seed: UInt64, nodes: Int = 5, clients: Int = 5, faults: Int = 12) {
        self.seed = seed
        self.nodes = nodes
        self.clients = clients
        self.faults = faults
    }

    package func run() -> Report {
        let world = StoreWorld(seed: seed, nodes: nodes, clients: clients)
        var report = Report(seed: seed)
        world.drive {
            world.start()
            // The first splits and moves take place while clients work.
            world.run(for: .seconds(3))
            world.startClients()
            for _ in 0..<faults {
                world.run(for: Self.faultInterval)
                world.noteVoters()
                // Every other fault meets groups that rest.
                let isLull = world.generator.below(2) == 0
                if isLull { world.lull() }
                report.faults.append(world.injectFault() + (isLull ? " at rest" : ""))
                if isLull { world.run(for: .milliseconds(Int64(world.generator.below(6000)))) }
                world.startClients()
            }
            world.heal()
            world.run(for: .seconds(20))
            world.stopClients()
            report.isAnswered = world.run(atMost: .seconds(20)) { world.clientsAreIdle }
            let state = world.settle(atMost: .seconds(120))
            report.defects = state.defects
            report.ranges = state.ranges
            report.defects += world.restAndWakeDefects()
        }
        report.problems = world.problems
        report.summary = HistorySummary(world.history)
        report.verdict = LinearizabilityChecker().check(world.history)
        report.traceHash = world.traceHash
        return report
    }

    /// What a run came to.
    package struct Report: Sendable, CustomStringConvertible {
        package let seed: UInt64
        /// The faults, in order.
        package internal(set) var faults: [String] = []
        /// Whether all clients had their answers after the end of the faults.
        package internal(set) var isAnswered = false
        /// What is not as it should be long after the end of the faults.
        package internal(set) var defects: [String] = []
        /// How many ranges there were in the end.
        package internal(set) var ranges = 0
        /// Errors at the start of nodes.
        package internal(set) var problems: [String] = []
        package internal(set) var verdict: LinearizabilityChecker.Verdict = .linearizable
        package internal(set) var summary = HistorySummary([])
        /// Equal in every run of the seed.
        package internal(set) var traceHash = ""

        init(seed: UInt64) {
            self.seed = seed
        }

        package var holds: Bool {
            isAnswered && problems.isEmpty && defects.isEmpty && verdict == .linearizable
        }

        /// The run in lines for people.
        package var description: String {
            var lines = [
                "seed \(seed): \(summary), \(ranges) ranges",
                "faults: \(faults.joined(separator: ", "))",
            ]
            lines += problems
            lines += defects
            if !isAnswered { lines.append("clients wait for answers although all faults are over") }
            switch verdict {
            case .linearizable: break
            case .violation(let violation): lines.append("\(violation)")
            case .exhausted: lines.append("the check of the history took too long")
            }
            return lines.joined(separator: "\n")
        }
    }
}
