// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordStore

/// One run of a simulated store: faults while clients read and write, then the end of all faults, after which
/// everything must be answered, and the check of what the clients saw.
package struct StoreSimulation: Sendable {
    package var seed: UInt64
    /// The number of nodes; nil for 5 to 9, as the seed decides.
    package var nodes: Int?
    /// The number of clients; nil for 5 to 8.
    package var clients: Int?
    /// The number of those who watch keys. Their messages change what happens in a seed.
    package var watchers: Int
    /// Virtual time with faults.
    package var faultTime: Duration
    /// Every run has partitions of the ring that merge again.
    package var hasPartitions: Bool
    /// The versions of ranges are raised meanwhile, as imports do it: in every third seed.
    package var raisesVersions: Bool

    /// Fewer operations on a key prove little.
    private static let operationsOnEachKey = 100

    package init(
        seed: UInt64,
        nodes: Int? = nil,
        clients: Int? = nil,
        watchers: Int = 0,
        faultTime: Duration = .seconds(157),
        hasPartitions: Bool = false
    ) {
        self.seed = seed
        self.nodes = nodes
        self.clients = clients
        self.watchers = watchers
        self.faultTime = faultTime
        self.hasPartitions = hasPartitions
        raisesVersions = seed % 3 == 1
    }

    package func run() -> Report {
        // A stream of its own, so that it does not depend on what the world draws.
        var generator = SeededGenerator(seed: seed ^ 0x6661_756C_7473)
        let nodes = nodes ?? 5 + Int(generator.below(5))
        let clients = clients ?? 5 + Int(generator.below(4))
        let mix = StoreFaultMix(requiring: hasPartitions ? .partition : nil, using: &generator)
        let world = StoreWorld(seed: seed, nodes: nodes, clients: clients) { settings in
            // Small buffers make gaps, and larger ones show that there are none where none must be.
            settings.watches.bufferBytes = [8 << 20, 2_000, 8 << 20, 20_000][Int(seed % 4)]
            settings.watches.progressInterval = .seconds(1)
            // Every seventh store has a quota, which refuses many writes and is cleared by deletes. Watchers would see
            // few changes.
            if seed % 7 == 5, watchers == 0 { settings.quota = 60 + seed % 200 }
        }
        world.addWatchers(watchers)
        var report = Report(seed: seed)
        report.nodes = nodes
        world.drive {
            // Some nodes join for the first time while clients work, and ranges are split at their identifiers.
            world.start(
                newcomers: Set(world.names.dropFirst(3).filter { _ in generator.below(4) == 0 })
            )
            // The first splits and moves take place while clients work.
            world.run(for: .seconds(3))
            world.startClients()
            if raisesVersions { world.startRaisingVersions() }
            world.startWatchers()
            let middle = world.now + faultTime.nanoseconds / 2
            let end = world.now + faultTime.nanoseconds
            while world.now < end, !world.isStuck {
                world.run(for: mix.pause(using: &generator))
                world.checkAlways()
                // A part of the faults meets groups that rest.
                let isLull = world.generator.below(4) == 0
                if isLull { world.lull() }
                let isScarce = world.now > middle && report.faultCounts.count < 3
                let (fault, words) = world.injectFault(of: mix, isScarce: isScarce)
                report.faults.append(words + (isLull ? " at rest" : ""))
                if let fault { report.faultCounts[fault, default: 0] += 1 }
                if isLull { world.run(for: .milliseconds(Int64(world.generator.below(6000)))) }
                world.startClients()
            }
            world.heal()
            world.run(for: .seconds(20))
            // Faults can leave a key with few operations, which would prove little.
            _ = world.run(atMost: .seconds(60)) {
                HistorySummary(world.history).fewestOnOneKey >= Self.operationsOnEachKey
            }
            world.stopClients()
            report.isAnswered = world.run(atMost: .seconds(20)) { world.clientsAreIdle }
            let state = world.settle(atMost: .seconds(120))
            world.checkAlways()
            report.defects = state.defects
            report.ranges = state.ranges
            report.defects += world.watcherDefects()
            report.watch = world.watchSummary
            report.defects += world.restAndWakeDefects()
        }
        report.time = .nanoseconds(world.now)
        report.problems = world.problems
        report.summary = HistorySummary(world.history)
        report.verdict = LinearizabilityChecker().check(world.history)
        report.traceHash = world.traceHash
        return report
    }

    /// What a run came to.
    package struct Report: Sendable, CustomStringConvertible {
        package let seed: UInt64
        package internal(set) var nodes = 0
        /// Virtual time of the run.
        package internal(set) var time: Duration = .zero
        /// The faults and their ends, in order.
        package internal(set) var faults: [String] = []
        package internal(set) var faultCounts: [StoreFault: Int] = [:]
        /// Whether all clients had their answers after the end of the faults.
        package internal(set) var isAnswered = false
        /// What is not as it should be long after the end of the faults.
        package internal(set) var defects: [String] = []
        /// How many ranges there were in the end.
        package internal(set) var ranges = 0
        /// What watchers were told.
        package internal(set) var watch = WatchSummary()
        /// What must never be, and was found.
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

        /// What the run lacks to prove anything: one of less time, operations or faults finds little.
        package var shortfalls: [String] {
            var lacks: [String] = []
            func demand(_ isMet: Bool, _ words: String) {
                if !isMet { lacks.append(words) }
            }
            let faults = faultCounts.values.reduce(0, +)
            demand(time >= .seconds(180), "it took \(time), not 3 minutes")
            demand((5...9).contains(nodes), "it had \(nodes) nodes, not 5 to 9")
            demand(faults >= 5, "it had \(faults) faults, not 5")
            demand(faultCounts.count >= 3, "it had \(faultCounts.count) kinds of faults, not 3")
            demand(
                summary.operations >= 500,
                "clients did \(summary.operations) operations, not 500"
            )
            demand(
                summary.operationsOnSharedKeys * 2 >= summary.operations,
                "less than half of the operations were on keys that five clients share"
            )
            demand(
                summary.fewestOnOneKey >= StoreSimulation.operationsOnEachKey,
                "a key had \(summary.fewestOnOneKey) operations, "
                    + "not \(StoreSimulation.operationsOnEachKey)"
            )
            return lacks
        }

        /// The run in lines for people.
        package var description: String {
            var lines = [
                "seed \(seed): \(nodes) nodes, \(summary), \(ranges) ranges",
                "faults: \(faults.joined(separator: ", "))",
            ]
            if watch.states > 0 {
                lines.append(
                    "watchers: \(watch.changes) changes, \(watch.states) states, \(watch.gaps) gaps"
                )
            }
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
