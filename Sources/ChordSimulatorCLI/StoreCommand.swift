// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChordCommandLine
import ChordSimulator
import NIOConcurrencyHelpers

/// `chord-sim store`.
struct StoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store",
        abstract: "Run stores of several nodes under random faults, and check what clients saw.",
        discussion: """
            Each seed determines one store, its clients and its faults: power cuts that lose what was not \
            synced, slow, full and lost disks, cut links, parts of the ring that merge again, lost and repeated \
            messages, pauses, members that leave and join, and ranges that are split. The history of the \
            clients must be linearizable, and after the end of the faults everything must be answered, every range must have \
            its wanted replicas, and these must be equal. A line on standard error tells the progress every \
            few seconds. The exit code is 1 if one run fails.
            """
    )

    @Flag(help: "In every run the ring falls into parts that merge again.")
    var partitions = false

    @Option(
        help: """
            Instead of random faults, let so many nodes join under new names and leave for good, and \
            tell how many ranges there come to be.
            """
    )
    var joins: Int?

    @Flag(
        help: """
            Instead of random faults, lose the majority of some ranges for good in each run, and recover them. Only \
            what the recovery says may be lost.
            """
    )
    var recoveries = false

    @Option(help: "So many watch keys meanwhile, and must be told each change once and in order.")
    var watchers = 0

    @Option(help: "The number of seeds to run.")
    var seeds = 100

    @Option(help: "A single seed to run.")
    var seed: UInt64?

    @Option(help: "The first of the seeds.")
    var first: UInt64 = 1

    @Option(help: "The number of runs at the same time. Default: the number of cores.")
    var jobs: Int?

    @Option(
        help: "Run no seeds, and measure what so many ranges cost that nobody uses."
    )
    var idleRanges: Int?

    @Option(help: "With --idle-ranges: the number of nodes.")
    var nodes = 3

    @Flag(help: "With --idle-ranges: let no group rest.")
    var noRest = false

    func validate() throws {
        guard (1...100_000).contains(idleRanges ?? 1) else {
            throw ValidationError("--idle-ranges must be from 1 to 100000.")
        }
        guard (3...20).contains(nodes) else {
            throw ValidationError("--nodes must be from 3 to 20.")
        }
        guard (1...1_000_000_000).contains(seeds), (1...1024).contains(jobs ?? 1) else {
            throw ValidationError(
                "--seeds must be from 1 to 1000000000, and --jobs from 1 to 1024."
            )
        }
        guard (0...100).contains(watchers) else {
            throw ValidationError("--watchers must be from 0 to 100.")
        }
        guard (1...1_000_000).contains(joins ?? 1) else {
            throw ValidationError("--joins must be from 1 to 1000000.")
        }
        guard first <= UInt64.max - UInt64(seeds) else {
            throw ValidationError("--first is too large for \(seeds) seeds.")
        }
    }

    func run() async throws {
        try await CommandFailure.reporting {
            if let idleRanges {
                let figures = RestExperiment(ranges: idleRanges, nodes: nodes, rests: !noRest).run()
                StandardStreams.output("\(figures)")
                guard figures.isReady, figures.restart != nil else {
                    throw ExitCode(CommandFailure.Kind.failed.rawValue)
                }
            } else if let joins {
                let report = StoreJoins(seed: seed ?? first, joins: joins).run {
                    StandardStreams.error($0)
                }
                StandardStreams.output("\(report)")
                guard report.holds else { throw ExitCode(CommandFailure.Kind.failed.rawValue) }
            } else if recoveries {
                try runRecoveries()
            } else if let seed {
                let report = simulation(seed).run()
                StandardStreams.output("\(report)")
                guard report.holds else { throw ExitCode(CommandFailure.Kind.failed.rawValue) }
            } else {
                try await sweep()
            }
        }
    }

    private func runRecoveries() throws {
        let begin = seed ?? first
        let end = begin + UInt64(seed == nil ? seeds : 1)
        var recovered = 0
        for seed in begin..<end {
            let report = StoreRecoveries(seed: seed).run()
            recovered += report.recovered
            guard report.holds else {
                StandardStreams.output("\(report)")
                throw ExitCode(CommandFailure.Kind.failed.rawValue)
            }
        }
        StandardStreams.output("\(end - begin) seeds hold, \(recovered) ranges were recovered")
    }

    private func simulation(_ seed: UInt64) -> StoreSimulation {
        StoreSimulation(seed: seed, watchers: watchers, hasPartitions: partitions)
    }

    private func sweep() async throws {
        let progress = NIOLockedValueBox(Progress(next: first))
        let end = first + UInt64(seeds)
        let began = ContinuousClock.now
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<(jobs ?? System.processors) {
                group.addTask {
                    while let seed = progress.withLockedValue({ $0.takeSeed(before: end) }) {
                        let report = simulation(seed).run()
                        let line = progress.withLockedValue {
                            $0.finish(report, after: ContinuousClock.now - began)
                        }
                        if let line { StandardStreams.error(line) }
                    }
                }
            }
        }
        let result = progress.withLockedValue { $0 }
        StandardStreams.output("\(result.sweep)\n\(result.sweep.details)")
        guard let failure = result.sweep.firstFailure else { return }
        StandardStreams.output("\(failure)")
        StandardStreams.output(
            "replay with: chord-sim store --seed \(failure.seed)"
                + (watchers > 0 ? " --watchers \(watchers)" : "")
        )
        throw ExitCode(CommandFailure.Kind.failed.rawValue)
    }
}

/// How far a sweep is.
private struct Progress {
    /// Time between two lines.
    private static let interval: Duration = .seconds(5)

    private var next: UInt64
    private(set) var sweep = StoreSweep()
    private var shown: Duration = .zero

    init(next: UInt64) {
        self.next = next
    }

    /// The next seed to run; nil when all have been taken, or one has failed.
    mutating func takeSeed(before end: UInt64) -> UInt64? {
        guard next < end, sweep.failures.isEmpty else { return nil }
        defer { next += 1 }
        return next
    }

    /// - Returns: a line about the progress, if it is time for one.
    mutating func finish(_ report: StoreSimulation.Report, after time: Duration) -> String? {
        sweep.add(report)
        guard time - shown >= Self.interval else { return nil }
        shown = time
        return sweep.description
    }
}
