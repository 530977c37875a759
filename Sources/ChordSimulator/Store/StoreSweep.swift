// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// What many runs of simulated stores came to.
package struct StoreSweep: Sendable, CustomStringConvertible {
    package private(set) var runs = 0
    package private(set) var operations = 0
    package private(set) var unknownOutcomes = 0
    package private(set) var virtualTime: Duration = .zero
    package private(set) var failures: [StoreSimulation.Report] = []
    private var faults: [StoreFault: Int] = [:]
    private var kinds: [String: Int] = [:]
    private var nodes: ClosedRange<Int>?
    private var fewestFaults = Int.max
    private var fewestKinds = Int.max
    private var fewestOperations = Int.max
    private var fewestOnOneKey = Int.max
    private var leastSharedPercent = 100
    private var watch = WatchSummary()

    package init() {}

    /// The failure of the lowest seed.
    package var firstFailure: StoreSimulation.Report? { failures.min { $0.seed < $1.seed } }

    /// - Parameter isFull: the run has its full length, so one that proves little is a failure too.
    package mutating func add(_ report: StoreSimulation.Report, isFull: Bool = true) {
        var report = report
        if isFull { report.problems += report.shortfalls.map { "the run proves little: \($0)" } }
        runs += 1
        let summary = report.summary
        operations += summary.operations
        unknownOutcomes += summary.unknownOutcomes
        virtualTime += report.time
        if !report.holds { failures.append(report) }
        faults.merge(report.faultCounts) { $0 + $1 }
        kinds.merge(summary.kinds) { $0 + $1 }
        let low = min(nodes?.lowerBound ?? report.nodes, report.nodes)
        nodes = low...max(nodes?.upperBound ?? report.nodes, report.nodes)
        fewestFaults = min(fewestFaults, report.faultCounts.values.reduce(0, +))
        fewestKinds = min(fewestKinds, report.faultCounts.count)
        fewestOperations = min(fewestOperations, summary.operations)
        fewestOnOneKey = min(fewestOnOneKey, summary.fewestOnOneKey)
        let shared = summary.operationsOnSharedKeys * 100 / max(1, summary.operations)
        watch.changes += report.watch.changes
        watch.states += report.watch.states
        watch.gaps += report.watch.gaps
        leastSharedPercent = min(leastSharedPercent, shared)
    }

    /// How far the sweep is, in one line.
    package var description: String {
        "\(runs) seeds, \(operations) operations of clients, \(failures.count) failed"
    }

    /// What the runs were made of.
    package var details: String {
        func list(_ counts: [(String, Int)]) -> String {
            counts.sorted { ($1.1, $0.0) < ($0.1, $1.0) }
                .map { "\($0.1) \($0.0)" }.joined(separator: ", ")
        }
        guard runs > 0, let nodes else { return "no runs" }
        let hours = Double(virtualTime.components.seconds) / 3600
        let tenths = Int((hours * 10).rounded())
        let watched =
            watch.states > 0
            ? ["watchers: \(watch.changes) changes, \(watch.states) states, \(watch.gaps) gaps"]
            : []
        return
            ([
                "\(tenths / 10).\(tenths % 10) virtual hours, \(unknownOutcomes) outcomes unknown",
                "faults: \(list(faults.map { ($0.key.rawValue, $0.value) }))",
                "operations: \(list(kinds.map { ($0.key, $0.value) }))",
                "every seed: \(nodes.lowerBound) to \(nodes.upperBound) nodes, at least \(fewestFaults) "
                    + "faults of \(fewestKinds) kinds, \(fewestOperations) operations, "
                    + "\(fewestOnOneKey) on each key, \(leastSharedPercent) % on keys that five clients "
                    + "or more share",
            ] + watched).joined(separator: "\n")
    }
}
