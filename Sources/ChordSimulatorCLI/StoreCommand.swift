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
            synced, cut links, lost and repeated messages, pauses. The history of the clients must be \
            linearizable, and after the end of the faults everything must be answered. The exit code is 1 if \
            one run fails.
            """
    )

    @Option(help: "The number of seeds to run.")
    var seeds = 100

    @Option(help: "A single seed to run.")
    var seed: UInt64?

    @Option(help: "The first of the seeds.")
    var first: UInt64 = 1

    @Option(help: "The number of runs at the same time. Default: the number of cores.")
    var jobs: Int?

    func validate() throws {
        guard (1...1_000_000_000).contains(seeds), (1...1024).contains(jobs ?? 1) else {
            throw ValidationError(
                "--seeds must be from 1 to 1000000000, and --jobs from 1 to 1024."
            )
        }
        guard first <= UInt64.max - UInt64(seeds) else {
            throw ValidationError("--first is too large for \(seeds) seeds.")
        }
    }

    func run() async throws {
        try await CommandFailure.reporting {
            if let seed {
                let report = StoreSimulation(seed: seed).run()
                StandardStreams.output("\(report)")
                guard report.holds else { throw ExitCode(CommandFailure.Kind.failed.rawValue) }
            } else {
                try await sweep()
            }
        }
    }

    private func sweep() async throws {
        let next = NIOLockedValueBox(first)
        let end = first + UInt64(seeds)
        let failures = NIOLockedValueBox<[StoreSimulation.Report]>([])
        let operations = NIOLockedValueBox(0)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<(jobs ?? System.processors) {
                group.addTask {
                    while failures.withLockedValue({ $0.isEmpty }),
                        let seed = next.withLockedValue({ next -> UInt64? in
                            guard next < end else { return nil }
                            defer { next += 1 }
                            return next
                        })
                    {
                        let report = StoreSimulation(seed: seed).run()
                        operations.withLockedValue { $0 += report.summary.operations }
                        if !report.holds { failures.withLockedValue { $0.append(report) } }
                    }
                }
            }
        }
        let ran = next.withLockedValue { $0 } - first
        StandardStreams.output(
            "\(ran) seeds, \(operations.withLockedValue { $0 }) operations of clients"
        )
        guard let failure = failures.withLockedValue({ $0.min { $0.seed < $1.seed } }) else {
            return
        }
        StandardStreams.output("\(failure)")
        StandardStreams.output("replay with: chord-sim store --seed \(failure.seed)")
        throw ExitCode(CommandFailure.Kind.failed.rawValue)
    }
}
