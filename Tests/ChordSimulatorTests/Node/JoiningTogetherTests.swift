// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordSimulator
import ChordTestSupport
import Testing

/// Nodes that join next to each other at the same time: at no moment does a key have two owners.
@Suite(.tags(.simulation), .ownThreads) struct JoiningTogetherTests {
    @Test("Several nodes join between the same two members", arguments: 1...12)
    func sameGap(_ seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let nodes = generator.integer(in: 3...8)
        let gap = generator.integer(in: 1...nodes)
        let joiners = generator.integer(in: 2...6)
        let faults = (1...joiners).map { number in
            let time = 1_000 + generator.integer(in: 0...60)
            let place = gap * 1_000 + 100 + 50 * number
            let contact = generator.integer(in: 1...nodes)
            return "\(time)ms join n\(nodes + number) at \(place) via n\(contact)"
        }
        let text = FaultVerbTests.text(nodes: nodes, list: 3, faults, heal: "20s")
        let report = NodeSimulation.run(try Scenario(text: text), recordsTrace: true)
        #expect(report.holds, "\(report)")
        #expect(report.members == nodes + joiners)
        #expect(report.ownership.longestOverlap == 0, "\(text)\n\(Self.changes(in: report))")
    }

    /// Only the member that leaves knew all nodes that had joined before it; it names the last of them.
    @Test("Six nodes join while their common successor leaves", arguments: 1...12)
    func successorLeaves(_ seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let nodes = generator.integer(in: 3...8)
        let gap = generator.integer(in: 1...nodes)
        var faults = (1...6).map { number in
            let time = 1_000 + generator.integer(in: 0...60)
            let contact = generator.integer(in: 1...nodes)
            let place = gap * 1_000 + 100 + 50 * number
            return (time: time, text: "join n\(nodes + number) at \(place) via n\(contact)")
        }
        let leaver = gap % nodes + 1
        faults.append((1_000 + generator.integer(in: 0...120), "leave n\(leaver)"))
        let lines = faults.sorted { $0.time < $1.time }.map { "\($0.time)ms \($0.text)" }
        let text = FaultVerbTests.text(nodes: nodes, list: 3, lines, heal: "20s")
        let report = NodeSimulation.run(try Scenario(text: text), recordsTrace: true)
        #expect(report.holds, "\(report)")
        #expect(report.members == nodes + 5)
        #expect(report.ownership.longestOverlap == 0, "\(text)\n\(Self.changes(in: report))")
    }

    private static func changes(in report: SimulationReport) -> String {
        report.trace.filter { $0.contains(" < ") }.joined(separator: "\n")
    }
}
