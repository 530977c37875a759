// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ArgumentParser
import ChordCommandLine
import ChordSimulator

/// `chord-sim simulate`.
struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Run rings under random faults. Each run can be repeated from its seed.",
        discussion: """
            Each seed determines one ring and its faults: crashes, restarts, departures, joins, pauses, \
            losses, partitions. A run with a violation is shortened and written to a file, and the \
            exit code is 1. With --large the command runs one ring of that many nodes without faults: nine \
            tenths of the nodes found it, the others join, and it must become ideal.
            """
    )

    @Option(help: "machine: the protocol alone. node: whole nodes.")
    var level = SimulationLevel.machine

    private static let defaultSeeds = 1000
    private static let mostSeeds = 1_000_000_000
    /// Each job is a thread; more jobs than cores bring no speed.
    private static let mostJobs = 1024

    @Option(help: "The number of seeds to run. Default: 1000.")
    var seeds: Int?

    @Option(help: "A single seed to run.")
    var seed: UInt64?

    @Option(help: "The first of the seeds.")
    var first: UInt64 = 1

    @Option(
        help: ArgumentHelp(
            "The number of founders of a ring: a number, or a range such as 3...20.",
            valueName: "least...most"
        )
    )
    var nodes: NodeCounts?

    @Option(help: "How nodes treat queries during their own operation: answering or delaying.")
    var mode: SimulatedMode?

    @Flag(
        help: ArgumentHelp(
            "Rings that split: long partitions in every run, and only failures after which the parts"
                + " can still find each other."
        )
    )
    var partitions = false

    @Option(
        help: ArgumentHelp(
            "Rings that give each node two to so many places, with intruders and second processes of a name.",
            valueName: "most"
        )
    )
    var placements: Int?

    @Option(help: "The file of a scenario to run instead of seeds.", completion: .file())
    var scenario: String?

    @Option(help: ArgumentHelp("One large ring, at the machine level.", valueName: "nodes"))
    var large: Int?

    @Option(
        help: ArgumentHelp(
            "Measure the time in which rings with this many nodes in total merge, at the machine level.",
            valueName: "nodes"
        )
    )
    var merge: Int?

    @Option(help: "With --merge: the number of rings. With 1 the ring reacts to a false alarm.")
    var parts = 2

    @Option(help: "With --merge: the number of nodes that are told of each accepted member.")
    var fanout = 3

    @Option(help: "The number of runs at the same time. Default: the number of cores.")
    var jobs: Int?

    @Flag(help: "With --seed or --scenario: print the log of events.")
    var trace = false

    func validate() throws {
        guard [seeds != nil, seed != nil, scenario != nil].count(where: { $0 }) <= 1 else {
            throw ValidationError("Give only one of --seeds, --seed and --scenario.")
        }
        if let placements, !(2...SwarmOptions.mostPlacements).contains(placements) {
            throw ValidationError("--placements is from 2 to \(SwarmOptions.mostPlacements).")
        }
        if let large {
            guard (1...1_000_000).contains(large) else {
                throw ValidationError("--large must be from 1 to 1000000.")
            }
            guard level == .machine, seeds == nil, scenario == nil else {
                throw ValidationError(
                    "--large needs the machine level, and can be combined only with --seed."
                )
            }
        }
        if let merge {
            guard (1...100_000).contains(merge), (1...merge).contains(parts),
                (0...64).contains(fanout)
            else {
                throw ValidationError(
                    "--merge must be from 1 to 100000, --parts at most as much, and --fanout at most 64."
                )
            }
        }
        guard (seeds ?? 1) > 0, (jobs ?? 1) > 0 else {
            throw ValidationError("--seeds and --jobs must be 1 or more.")
        }
        let count = seeds ?? Self.defaultSeeds
        guard count <= Self.mostSeeds, jobs ?? 1 <= Self.mostJobs else {
            throw ValidationError(
                "--seeds must be at most \(Self.mostSeeds), and --jobs at most \(Self.mostJobs)."
            )
        }
        guard first <= UInt64.max - UInt64(count) else {
            throw ValidationError(
                "--first is too large for \(count) seeds; the largest "
                    + "possible value is \(UInt64.max - UInt64(count))."
            )
        }
    }

    func run() async throws {
        try await CommandFailure.reporting {
            if let merge {
                try unite(merge)
            } else if let large {
                try grow(large)
            } else if let scenario {
                try replay(try read(scenario))
            } else if let seed {
                try replay(Scenario.random(seed: seed, options: options))
            } else {
                try await sweep()
            }
        }
    }

    private var options: SwarmOptions {
        var options = level.standardOptions
        if let nodes { options.founders = nodes.range }
        if let mode { options.queryModes = mode.queryModes }
        if let placements { options = options.placing(2...placements) }
        return partitions ? options.splitting : options
    }

    // MARK: One run

    private func read(_ path: String) throws -> Scenario {
        let text: String
        do {
            text = try Files.text(of: path)
        } catch {
            throw CommandFailure(.configuration, "cannot read \(error)")
        }
        do {
            return try Scenario(text: text)
        } catch {
            throw CommandFailure(.configuration, "\(path): \(error)")
        }
    }

    private func replay(_ scenario: Scenario) throws {
        var report = level.run(scenario, recordsTrace: trace)
        report.seed = seed
        for line in report.trace { StandardStreams.output(line) }
        StandardStreams.output(report.description)
        guard report.holds else { throw ExitCode(CommandFailure.Kind.failed.rawValue) }
    }

    private func grow(_ nodes: Int) throws {
        let clock = ContinuousClock()
        let start = clock.now
        let report = MachineSimulation.largeRing(nodes: nodes, seed: seed ?? first)
        let seconds = (clock.now - start).milliseconds / 1_000
        StandardStreams.output(report.description)
        let rate = Int(Double(report.events) / max(seconds, 0.001))
        StandardStreams.output("\(seconds.formatted(digits: 1)) s, \(rate) events per second")
        guard report.violation == nil else {
            throw ExitCode(CommandFailure.Kind.failed.rawValue)
        }
    }

    private func unite(_ nodes: Int) throws {
        let trial = MergeTrial(nodes: nodes, parts: parts, fanout: fanout, seed: seed ?? first)
        let result = trial.run()
        guard let time = result.time, let fingers = result.timeWithFingers else {
            StandardStreams.output(
                "\(parts.counted("ring")) of \(nodes) nodes: not one ideal ring in time"
            )
            throw ExitCode(CommandFailure.Kind.failed.rawValue)
        }
        let share = Double(result.mergeMessages) / Double(nodes)
        StandardStreams.output(
            "\(parts.counted("ring")) of \(nodes) nodes, fanout \(fanout): lists right after"
                + " \((time.milliseconds / 1_000).formatted(digits: 1)) s, fingers after"
                + " \((fingers.milliseconds / 1_000).formatted(digits: 1)) s; \(result.messages)"
                + " messages, \(result.mergeMessages) of them to merge"
                + " (\(share.formatted(digits: 1)) per node)"
        )
        if parts == 1 {
            let quiet = trial.quiet()
            StandardStreams.output(
                "undisturbed ring: \(quiet.all.formatted(digits: 2)) messages per node and second,"
                    + " \(quiet.merging.formatted(digits: 2)) of them to find other rings"
            )
        }
    }

    // MARK: Many runs

    private func sweep() async throws {
        let count = seeds ?? Self.defaultSeeds
        try checkDeterminism()
        let sweep = ParallelSweep(
            level: level,
            options: options,
            first: first,
            count: count,
            jobs: jobs ?? System.processors
        )
        let total = await sweep.run { StandardStreams.error($0) }
        StandardStreams.output(total.description)
        guard let failure = total.failures.min(by: { ($0.seed ?? 0) < ($1.seed ?? 0) }) else {
            return
        }
        explain(failure)
        throw ExitCode(CommandFailure.Kind.failed.rawValue)
    }

    /// The same seed must give the same run; otherwise failures could not be repeated.
    private func checkDeterminism() throws {
        let once = level.run(seed: first, options: options).traceHash
        let twice = level.run(seed: first, options: options).traceHash
        guard once == twice else {
            throw CommandFailure(
                .failed,
                "seed \(first) gave the trace hashes \(once) and \(twice): the simulation depends on something"
                    + " other than the seed"
            )
        }
    }

    private func explain(_ failure: SimulationReport) {
        let seed = failure.seed ?? 0
        var command = "chord-sim simulate --level \(level.rawValue) --seed \(seed)"
        if let nodes { command += " --nodes \(nodes)" }
        if let mode { command += " --mode \(mode.rawValue)" }
        if partitions { command += " --partitions" }
        if let placements { command += " --placements \(placements)" }
        StandardStreams.output("replay with: \(command)")
        StandardStreams.error("shortening the run ...")
        let short = level.shrink(failure.scenario, attempts: level == .node ? 300 : 2000)
        let path = "simulate-\(level.rawValue)-\(seed).txt"
        StandardStreams.output("")
        StandardStreams.output(short.text)
        do {
            try Files.write(short.text, to: path)
            StandardStreams.output(
                "or, shortened, with: chord-sim simulate --level \(level.rawValue)"
                    + " --scenario \(path) --trace"
            )
        } catch {
            StandardStreams.error("\(CommandProcess.name): cannot write \(error)")
        }
    }
}

extension SimulationLevel: ExpressibleByArgument {}
extension SimulatedMode: ExpressibleByArgument {}

/// The argument of `--nodes`: a number, or a range such as `3...20`.
struct NodeCounts: ExpressibleByArgument, CustomStringConvertible {
    /// Larger rings need `--large`, at the machine level.
    private static let most = 10_000

    let range: ClosedRange<Int>

    var description: String { "\(range.lowerBound)...\(range.upperBound)" }

    init?(argument: String) {
        let bounds = argument.split(separator: ".", omittingEmptySubsequences: true).map { Int($0) }
        guard let first = bounds.first, let low = first, let last = bounds.last, let high = last,
            bounds.count <= 2, 1 <= low, low <= high, high <= Self.most
        else { return nil }
        range = low...high
    }
}
