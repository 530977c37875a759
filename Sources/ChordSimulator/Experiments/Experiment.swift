// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// An experiment from the literature, repeated with the machines of this project.
package enum Experiment: String, Hashable, Sendable, CaseIterable {
    case pathLength = "path-length"
    case load
    case massFailure = "mass-failure"
    case churn
    case latency
    case wrongPointers = "wrong-pointers"
    case liars
    case oneHop = "one-hop"

    /// The experiment in one line.
    package var summary: String {
        switch self {
        case .pathLength: "forwardings of a lookup, by the number of nodes"
        case .load: "keys per node, by the number of virtual positions"
        case .massFailure: "lookups after a fraction of all nodes has failed at once"
        case .churn: "lookups while nodes join and leave"
        case .latency: "lookup time relative to a direct call, iterative and recursive"
        case .wrongPointers: "wrong successors and fingers under churn, compared with theory"
        case .oneHop:
            "calls of a lookup with and without known members, while 1 % of the nodes are replaced per minute"
        case .liars: "lookups misled by lying members: without checks, with checks, and verified"
        }
    }

    /// The default size: that of the publication.
    package var standardOptions: ExperimentOptions {
        switch self {
        case .pathLength: ExperimentOptions(nodes: 1 << 14, samples: 200_000)
        case .load: ExperimentOptions(nodes: 10_000, samples: 1_000_000)
        case .massFailure: ExperimentOptions(nodes: 1000, samples: 10_000)
        case .churn: ExperimentOptions(nodes: 1000, samples: 10_000)
        case .latency: ExperimentOptions(nodes: 1 << 16, samples: 10_000)
        case .wrongPointers: ExperimentOptions(nodes: 1000, samples: 100)
        case .oneHop: ExperimentOptions(nodes: 1000, samples: 20_000)
        case .liars: ExperimentOptions(nodes: 100, samples: 20_000)
        }
    }

    /// The unit of `samples`.
    package var sampleMeaning: String {
        switch self {
        case .pathLength: "lookups for each number of nodes, at most 100 per node"
        case .load: "keys"
        case .massFailure, .latency: "lookups"
        case .oneHop: "lookups for each row"
        case .liars: "lookups for each row"
        case .churn: "lookups for each rate"
        case .wrongPointers: "snapshots for each rate, one per stabilisation interval"
        }
    }

    /// The numbers of nodes that the experiment supports.
    package var nodeLimits: ClosedRange<Int> {
        switch self {
        case .pathLength: 8...(1 << 17)
        case .load: 10...1_000_000
        case .massFailure, .liars: 50...100_000
        // Larger rings would start without fingers.
        case .churn, .wrongPointers: 50...MachineWorld.trackedNodes
        case .oneHop: 50...10_000
        case .latency: 8...(1 << 17)
        }
    }

    /// The supported numbers of samples.
    package var sampleLimits: ClosedRange<Int> { 20...100_000_000 }

    /// Runs it. Nothing here prints or reads a clock: the same options give the same report.
    ///
    /// - Parameter progress: gets a line for each part that is about to begin.
    package func run(
        _ options: ExperimentOptions,
        progress: (String) -> Void = { _ in }
    ) -> ExperimentReport {
        precondition(
            nodeLimits.contains(options.nodes) && sampleLimits.contains(options.samples),
            "\(rawValue) with \(options)"
        )
        var report = report(options, progress)
        let nodes = self == .pathLength ? "N up to \(options.nodes)" : "N = \(options.nodes)"
        report.plot.subtitle =
            "\(nodes); \(options.samples) \(sampleMeaning); seed \(options.seed)"
        return report
    }

    private func report(
        _ options: ExperimentOptions,
        _ progress: (String) -> Void
    ) -> ExperimentReport {
        switch self {
        case .pathLength: PathLength(options).report(progress)
        case .load: LoadBalance(options).report(progress)
        case .massFailure: MassFailure(options).report(progress)
        case .churn: Churn(options).report(progress)
        case .latency: LookupLatency(options).report(progress)
        case .wrongPointers: WrongPointers(options).report(progress)
        case .liars: Liars(options).report(progress)
        case .oneHop: OneHop(options).report(progress)
        }
    }
}

/// The size of an experiment, and its seed.
package struct ExperimentOptions: Hashable, Sendable {
    /// The number of nodes; with several rings, that of the largest.
    package var nodes: Int
    /// The number of repetitions; their unit depends on the experiment.
    package var samples: Int
    package var seed: UInt64

    package init(nodes: Int, samples: Int, seed: UInt64 = 1) {
        self.nodes = nodes
        self.samples = samples
        self.seed = seed
    }
}
