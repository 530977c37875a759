// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordSimulator
import Foundation
import ChordTestSupport
import Testing

/// A short fixed set of seeds. `CHORD_SEED=17 swift test --filter NodeSimulationTests` runs that one
/// only.
@Suite(.tags(.simulation, .slow), .ownThreads) struct NodeSimulationTests {
    private static var small: SwarmOptions {
        var options = NodeSimulation.standardOptions
        options.founders = 3...9
        options.faultSeconds = 2...6
        options.mostFaults = 15
        return options
    }

    @Test(.timeLimit(.minutes(5)), arguments: MachineSimulationTests.seeds(0..<40))
    func ringsOfNodesKeepTheInvariant(seed: UInt64) {
        let report = NodeSimulation.run(seed: seed, options: Self.small)
        #expect(report.holds, "\(report)")
    }

    @Test(.timeLimit(.minutes(5)), arguments: MachineSimulationTests.seeds(0..<12))
    func separatedRingsOfNodesMerge(seed: UInt64) {
        let report = NodeSimulation.run(seed: seed, options: Self.small.splitting)
        #expect(report.holds, "\(report)")
    }

    /// Otherwise the seeds prove little.
    @Test(.timeLimit(.minutes(5))) func nodeSeedsContainFaults() {
        var sweep = SweepReport()
        for seed in UInt64(100)..<125 {
            sweep.add(NodeSimulation.run(seed: seed, options: Self.small))
        }
        #expect(sweep.invariantRuns >= 8)
        #expect(sweep.counts.crashes >= 10)
        #expect(sweep.counts.restarts >= 5)
        #expect(sweep.counts.left >= 2)
        #expect(sweep.counts.pauses >= 2)
        #expect(sweep.counts.partitions >= 2)
        #expect(sweep.counts.lost >= 20)
        #expect(sweep.counts.lookupsAnswered >= 50)
        // Owners named wrongly while members come and go are the smaller part.
        #expect(sweep.counts.lookupsWrong * 3 <= sweep.counts.lookupsAnswered)
    }

    @Test(.timeLimit(.minutes(5)), arguments: [UInt64(3), 11, 12])
    func nodeSeedGivesOneTraceHash(seed: UInt64) {
        let first = NodeSimulation.run(seed: seed, options: Self.small)
        let second = NodeSimulation.run(seed: seed, options: Self.small)
        #expect(first.traceHash == second.traceHash)
        #expect(first.counts == second.counts)
        #expect(first.traceHash == NodeSimulation.run(first.scenario).traceHash)
        let other = NodeSimulation.run(seed: seed + 1, options: Self.small)
        #expect(first.traceHash != other.traceHash)
    }

    /// Runs on several threads at once do not know of each other.
    @Test(.timeLimit(.minutes(5))) func seedGivesOneTraceHashOnEveryThread() async {
        let alone = NodeSimulation.run(seed: 5, options: Self.small).traceHash
        let together = await withTaskGroup(of: TraceHash.self) { group in
            for _ in 0..<4 {
                group.addTask { NodeSimulation.run(seed: 5, options: Self.small).traceHash }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(together == Array(repeating: alone, count: 4))
    }

    /// Fifty nodes for a virtual hour would take a debug build too long; ten take a moment.
    @Test(.timeLimit(.minutes(5))) func quietRingStaysIdealForTenVirtualMinutes() throws {
        var scenario = try Scenario(text: FaultVerbTests.text(nodes: 6, list: 3, []))
        scenario.healTime = .seconds(600)
        let report = NodeSimulation.run(scenario)
        #expect(report.holds, "\(report)")
        #expect(report.roundsToIdeal == 0)
    }
}

/// Scenarios of whole nodes that once went wrong, or show what is known to go wrong, each with its
/// outcome after `----`.
@Suite(.tags(.simulation), .ownThreads) struct KeptNodeScenarioTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "Scenarios")

    static var files: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.filter { $0.hasSuffix(".txt") }.sorted()
    }

    @Test(.timeLimit(.minutes(5)), arguments: files)
    func scenarioHasItsRecordedOutcome(file: String) throws {
        let text = try String(contentsOf: Self.folder.appending(path: file), encoding: .utf8)
        let expected = text.components(separatedBy: "\n----\n").last?
            .trimmingCharacters(in: .whitespacesAndNewlines)
        let report = NodeSimulation.run(try Scenario(text: text))
        #expect(report.outcome == expected, "\(report)")
    }

    @Test func scenariosAreFound() {
        #expect(!Self.files.isEmpty)
    }

    /// More founders than a message names.
    @Test func largeRingOfNodesPassesAllChecks() {
        var options = NodeSimulation.standardOptions
        options.founders = 80...80
        options.faultSeconds = 3...3
        let report = NodeSimulation.run(seed: 1, options: options)
        #expect(report.holds, "\(report)")
        #expect(report.scenario.founders.count == 80)
    }
}
