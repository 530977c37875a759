// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordSimulator
import Foundation
import ChordTestSupport
import Testing

/// A short fixed set of seeds. `CHORD_SEED=17 swift test --filter MachineSimulationTests` runs that one
/// only.
@Suite(.tags(.simulation, .slow), .ownThreads) struct MachineSimulationTests {
    static func seeds(_ range: Range<UInt64>) -> [UInt64] {
        if let seed = ProcessInfo.processInfo.environment["CHORD_SEED"].flatMap({ UInt64($0) }) {
            return [seed]
        }
        return Array(range)
    }

    private static var small: SwarmOptions {
        var options = SwarmOptions()
        options.founders = 2...8
        options.faultSeconds = 2...5
        options.mostFaults = 15
        return options
    }

    @Test(.timeLimit(.minutes(5)), arguments: seeds(0..<100))
    func ringsKeepTheInvariantInDelayingMode(seed: UInt64) {
        var options = Self.small
        options.queryModes = [.delaying]
        let report = MachineSimulation.run(seed: seed, options: options)
        #expect(report.holds, "\(report)")
    }

    @Test(.timeLimit(.minutes(5)), arguments: seeds(0..<100))
    func ringsKeepTheInvariantInAnsweringMode(seed: UInt64) {
        var options = Self.small
        options.queryModes = [.answering]
        let report = MachineSimulation.run(seed: seed, options: options)
        #expect(report.holds, "\(report)")
    }

    /// Otherwise the seeds prove little.
    @Test func seedsContainFaults() {
        let sweep = MachineSimulation.run(seeds: 0..<40, options: Self.small)
        #expect(sweep.invariantRuns >= 10)
        #expect(sweep.counts.crashes >= 20)
        #expect(sweep.counts.restarts >= 10)
        #expect(sweep.counts.left >= 5)
        #expect(sweep.counts.pauses >= 5)
        #expect(sweep.counts.partitions >= 5)
        #expect(sweep.counts.lost >= 20)
        #expect(sweep.counts.lookupsAnswered >= 100)
    }

    /// Partitions of seconds to a minute in every run, while nodes join, leave and crash on all sides.
    @Test(.timeLimit(.minutes(5)), arguments: seeds(0..<60))
    func separatedRingsMerge(seed: UInt64) {
        let report = MachineSimulation.run(seed: seed, options: Self.small.splitting)
        #expect(report.holds, "\(report)")
    }

    @Test func manyRingsSeparate() {
        let sweep = MachineSimulation.run(seeds: 0..<60, options: Self.small.splitting)
        #expect(sweep.splits >= 15)
        #expect(sweep.forgotten <= 2)
        #expect(sweep.counts.crashes >= 20)
        #expect(sweep.counts.joined >= 40)
    }

    /// Owners named wrongly while members come and go are counted, and they are the smaller part.
    @Test func wrongOwnersAreLimited() {
        let counts = MachineSimulation.run(seeds: 0..<60, options: Self.small).counts
        #expect(counts.lookupsAnswered >= 200)
        #expect(counts.lookupsWrong * 3 <= counts.lookupsAnswered)
    }

    @Test func seedGivesOneTraceHash() {
        let first = MachineSimulation.run(seed: 12)
        let second = MachineSimulation.run(seed: 12)
        #expect(first.traceHash == second.traceHash)
        #expect(first.counts == second.counts)
        #expect(first.traceHash != MachineSimulation.run(seed: 13).traceHash)
        #expect(first.traceHash == MachineSimulation.run(first.scenario).traceHash)
    }

    /// This process and the one in which the number was written down agree. A change of the protocol or
    /// of the simulator changes it; look why, and write down the new one.
    @Test func traceHashIsTheSameInOtherProcesses() {
        #expect(MachineSimulation.run(seed: 1).traceHash.description == "4c9c9476ff3021e1")
    }

    @Test func largeRingBecomesIdeal() {
        let report = MachineSimulation.largeRing(nodes: 120, seed: 1)
        #expect(report.violation == nil, "\(report)")
        #expect(report.nodes == 120)
        #expect(report.meanHops < 7)
    }

    @Test func sweepStopsAtTheFirstFailure() {
        var seen = 0
        let sweep = MachineSimulation.run(seeds: 0..<100, options: Self.small) { _ in
            seen += 1
            return seen < 3
        }
        #expect(sweep.seeds == 3)
    }
}
