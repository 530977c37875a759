// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordSimulator
import ChordTestSupport
import Testing

/// Links that are broken in one direction: nobody takes a live node's place, and nobody owns what another owns.
///
/// The rings are those of the handbook: P, B, A' and A are n1 to n4, in this order.
@Suite(.tags(.simulation), .ownThreads) struct BrokenLinkTests {
    /// The longest that an identifier may be nobody's, as the handbook states it.
    private static let longestGap: Int64 = 15_000_000_000

    /// How a link breaks: calls do not come about, packets get lost one way, or both ways.
    private static let breaks = ["firewall", "partitionOneway", "partition"]

    private func run(
        nodes: Int = 4,
        _ faults: String...,
        heal: String = "40s"
    ) throws -> SimulationReport {
        try run(nodes: nodes, faults, heal: heal)
    }

    private func run(
        nodes: Int,
        _ faults: [String],
        heal: String = "40s"
    ) throws -> SimulationReport {
        let text = FaultVerbTests.text(nodes: nodes, list: 3, faults, heal: heal)
        let report = NodeSimulation.run(try Scenario(text: text), recordsTrace: true)
        #expect(report.holds, "\(report)")
        #expect(report.ownership.longestOverlap == 0, "\(report)\n\(Self.tail(report))")
        #expect(report.ownership.longestGap <= Self.longestGap, "\(report)\n\(Self.tail(report))")
        return report
    }

    private static func tail(_ report: SimulationReport) -> String {
        report.trace.filter { !$0.contains("lookup") }.suffix(60).joined(separator: "\n")
    }

    @Test("A' dies while A cannot reach B", arguments: breaks)
    func theNewPredecessorCannotBeReached(_ verb: String) throws {
        let report = try run("1s \(verb) n4 n2", "3s crash n3")
        // A takes B for its predecessor on P's word, once; nobody else's range changes.
        #expect(report.ownership.rangeChanges == [4: 1], "\(Self.tail(report))")
        #expect(report.members == 3)
    }

    @Test("P cannot reach B while A' and B reach each other", arguments: breaks)
    func theHeadCannotBeReached(_ verb: String) throws {
        let report = try run(
            "1s \(verb) n1 n2",
            "20s lookup 1500 from n1",
            "21s lookup 1500 from n3"
        )
        #expect(report.ownership.rangeChanges.isEmpty, "\(Self.tail(report))")
        #expect(report.ownership.longestGap == 0)
        // P names B for what is B's.
        #expect(report.counts.lookupsAnswered == 2)
        #expect(report.counts.lookupsWrong == 0)
    }

    @Test("All calls of A fail while the others reach A", arguments: [4, 6])
    func everyCallFails(_ nodes: Int) throws {
        let others = (1...nodes).filter { $0 != 4 }.map { "n\($0)" }.joined(separator: ",")
        let report = try run(nodes: nodes, "1s firewall n4 \(others)", "20s lookup 500 from n2")
        // It blames its own link: it takes nobody for dead and does not begin a ring of its own.
        #expect(report.ownership.rangeChanges.isEmpty, "\(Self.tail(report))")
        #expect(report.ringsAtRepair == 1)
        #expect(report.counts.lookupsWrong == 0)
    }

    @Test func unreachableJoinerChangesNothing() throws {
        let report = try run(
            nodes: 5,
            "1s firewall n1,n2,n3,n4,n5 n6",
            "2s join n6 at 3500 via n1",
            heal: "30s"
        )
        // Its join ended with an error, again and again, as its operator started it.
        #expect(
            report.trace.contains { $0.contains("n6 ends: n4 cannot reach this node at n6.ring:1") }
        )
        // Only once everything is repaired is it taken in.
        #expect(report.ownership.rangeChanges == [4: 1, 6: 1], "\(Self.tail(report))")
        let early = report.trace.filter { line in
            let time = line.split(separator: " ").first.flatMap { Double($0) } ?? 0
            return time > 2 && time < 30 && line.contains(" < n4 < ")
        }
        #expect(early.isEmpty, "\(early)")
        #expect(report.members == 6)
    }

    @Test func memberWithAClosedPortLosesItsRangeOnce() throws {
        let text = FaultVerbTests.text(
            nodes: 5,
            list: 3,
            ["1s firewall n1,n2,n4,n5 n3"],
            heal: "30s"
        )
        let report = NodeSimulation.run(try Scenario(text: text), recordsTrace: true)
        #expect(report.holds, "\(report)")
        // n4 takes over what n3 had, and gives it back after the repair.
        #expect(report.ownership.rangeChanges == [3: 2, 4: 2], "\(Self.tail(report))")
        // n3 hears of it with its next question to n4, and n4 waits for that.
        #expect(report.ownership.longestOverlap == 0, "\(Self.tail(report))")
        #expect(report.ownership.longestGap <= Self.longestGap)
    }

    /// One node's port is closed inbound, and up to two links besides are broken in one direction. It loses its
    /// range once at most, and while it does not know that, nobody owns it.
    @Test("A closed port with random one-way cuts never gives a key two owners", arguments: 1...20)
    func closedPortWithCuts(_ seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        // With fewer the cuts can take the ring apart.
        let nodes = generator.integer(in: 6...9)
        let closed = generator.integer(in: 1...nodes)
        let others = (1...nodes).filter { $0 != closed }.map { "n\($0)" }.joined(separator: ",")
        let start = generator.integer(in: 1000...3000)
        var faults = [(time: start, text: "\(start)ms firewall \(others) n\(closed)")]
        for _ in 0..<generator.integer(in: 0...2) {
            let from = generator.integer(in: 1...nodes)
            let to = (from + generator.integer(in: 0...(nodes - 2))) % nodes + 1
            let verb = generator.element(of: ["firewall", "partitionOneway"]) ?? "firewall"
            let time = generator.integer(in: 500...20_000)
            faults.append((time, "\(time)ms \(verb) n\(from) n\(to)"))
        }
        let report = try run(nodes: nodes, faults.sorted { $0.time < $1.time }.map(\.text))
        #expect(report.ownership.rangeChanges.values.allSatisfy { $0 <= 2 }, "\(report)")
    }

    /// One-way cuts of up to four links at once, each repaired later.
    @Test("Random one-way cuts never give a key two owners", arguments: 1...20)
    func oneWayCuts(_ seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let nodes = generator.integer(in: 6...9)
        var faults: [(time: Int, text: String)] = []
        for _ in 0..<generator.integer(in: 1...4) {
            let from = generator.integer(in: 1...nodes)
            let to = (from + generator.integer(in: 0...(nodes - 2))) % nodes + 1
            let start = generator.integer(in: 500...15_000)
            let end = start + generator.integer(in: 1000...15_000)
            faults.append((start, "\(start)ms partitionOneway n\(from) n\(to)"))
            faults.append((end, "\(end)ms repair n\(from) n\(to)"))
        }
        let text = faults.sorted { $0.time < $1.time }.map(\.text)
        _ = try run(nodes: nodes, text)
    }

    /// Two broken links at a time leave every node two members that can speak for any other.
    @Test("Two random broken links at a time change no range", arguments: 1...20)
    func randomCuts(_ seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let nodes = generator.integer(in: 6...9)
        var faults: [String] = []
        for window in 0..<3 {
            for _ in 0..<generator.integer(in: 1...2) {
                let from = generator.integer(in: 1...nodes)
                let to = (from + generator.integer(in: 0...(nodes - 2))) % nodes + 1
                let verb = generator.element(of: Self.breaks) ?? "firewall"
                let start = 20 * window + generator.integer(in: 1...5)
                let end = start + generator.integer(in: 1...10)
                faults.append("\(start)s \(verb) n\(from) n\(to)")
                faults.append("\(end)s repair n\(from) n\(to)")
            }
        }
        let text = FaultVerbTests.text(nodes: nodes, list: 3, faults, heal: "65s")
        let report = NodeSimulation.run(try Scenario(text: text), recordsTrace: true)
        #expect(report.holds, "\(report)")
        #expect(report.ownership.longestOverlap == 0, "\(text)\n\(Self.tail(report))")
        #expect(report.ownership.rangeChanges.isEmpty, "\(text)\n\(Self.tail(report))")
        #expect(report.ownership.longestGap == 0, "\(text)")
    }
}
