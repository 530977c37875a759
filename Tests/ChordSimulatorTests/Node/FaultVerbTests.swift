// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordSimulator
import ChordTestSupport
import Testing

/// Each fault does to whole nodes what it says, and they get over it.
@Suite(.tags(.simulation), .ownThreads) struct FaultVerbTests {
    /// A founded ring of nodes a thousand apart: n1 at 1000, n2 at 2000 and so on.
    static func text(nodes: Int, list: Int, _ faults: [String], heal: String = "20s") -> String {
        var lines = ["ring width 16 list \(list) answering seed 7", "failures any"]
        lines.append("network delay uniform 1ms 10ms loss 0 duplicate 0 refusing")
        lines += (1...nodes).map { "member n\($0) at \($0 * 1000)" }
        lines += faults.map { "at \($0)" }
        lines.append("heal at \(heal)")
        return lines.joined(separator: "\n")
    }

    private func run(_ faults: String..., heal: String = "20s") throws -> SimulationReport {
        let scenario = try Scenario(text: Self.text(nodes: 6, list: 3, faults, heal: heal))
        let report = NodeSimulation.run(scenario, recordsTrace: true)
        #expect(report.holds, "\(report)")
        #expect(report.ringsAtRepair == 1)
        return report
    }

    /// Moments, in seconds, at which some node's place in the ring changed.
    private func changes(_ report: SimulationReport) -> [Double] {
        report.trace.drop { !$0.hasSuffix("times count from here") }
            .filter { $0.contains(" < ") }
            .compactMap { $0.split(separator: " ").first.flatMap { Double($0) } }
    }

    @Test func quietScenarioHasNoFailures() throws {
        let report = try run()
        #expect(changes(report).isEmpty)
        #expect(report.members == 6)
        #expect(report.roundsToIdeal == 0)
        #expect(report.counts.messages > 100)
    }

    @Test func crashedNodeLeavesTheRing() throws {
        let report = try run("1s crash n3")
        #expect(report.members == 5)
        #expect(report.counts.crashes == 1)
        let moments = changes(report)
        #expect(!moments.isEmpty && moments.allSatisfy { $0 > 1 && $0 < 8 })
    }

    /// A broken connection tells of a death within a round trip; a machine that is down, the next
    /// question that nobody answers.
    @Test func crashIsDetectedByBrokenConnections() throws {
        let text = Self.text(nodes: 6, list: 3, ["1s crash n3"])
        let loud = NodeSimulation.run(try Scenario(text: text), recordsTrace: true)
        let silent = NodeSimulation.run(
            try Scenario(text: text.replacing("refusing", with: "silent")),
            recordsTrace: true
        )
        #expect(loud.holds && silent.holds)
        let first = try #require(changes(loud).first)
        let second = try #require(changes(silent).first)
        #expect(first < 1.2 && second > 2)
    }

    @Test func restartedNodeIsAMemberAgain() throws {
        let report = try run("1s crash n3", "9s restart n3 via n1")
        #expect(report.members == 6)
        #expect(report.counts.restarts == 1)
        #expect(changes(report).contains { $0 > 9 })
    }

    @Test func bouncedNodeIsAMemberAgain() throws {
        let report = try run("1s bounce n3 for 50ms")
        #expect(report.members == 6)
        #expect(report.counts.crashes == 1)
        #expect(report.counts.restarts == 1)
    }

    @Test func shortPauseChangesNothing() throws {
        let report = try run("1s pause n3 for 600ms")
        #expect(report.counts.pauses == 1)
        #expect(changes(report).isEmpty)
    }

    @Test func longPauseLooksLikeDeathAndIsRepaired() throws {
        let report = try run("1s pause n3 for 6s")
        #expect(report.members == 6)
        let moments = changes(report)
        #expect(moments.contains { $0 > 2 && $0 < 7 })
        #expect(moments.contains { $0 > 7 })
    }

    @Test func joinerTakesItsPlace() throws {
        let report = try run("1s join n7 at 3500 via n1")
        #expect(report.members == 7)
        #expect(report.counts.joined == 7)
        #expect(report.trace.contains { $0.contains("n3 < n7 < n4") })
    }

    @Test func leavingNodeTellsItsNeighboursAtOnce() throws {
        let report = try run("1s leave n3")
        #expect(report.members == 5)
        #expect(report.counts.left == 1)
        // Its neighbours are told: nobody waits for a silence.
        #expect(changes(report).contains { $0 < 1.1 })
    }

    @Test func partitionRemovesANodeAndTheRingRepairsItself() throws {
        let report = try run("1s partition n3 n1,n2,n4,n5,n6", "9s repair n3 n1,n2,n4,n5,n6")
        #expect(report.counts.partitions == 1)
        #expect(report.counts.lost > 0)
        let moments = changes(report)
        #expect(moments.contains { $0 > 1 && $0 < 9 })
        // Repaired, the ring mends before everything is healed.
        #expect(moments.allSatisfy { $0 < 20 })
    }

    @Test func memberThatOthersReachStaysDuringAPartition() throws {
        let report = try run("17s partition n3 n4", "30s repair all", heal: "20s")
        #expect(report.counts.lost > 0)
        // The others reach both: one link is not a death.
        #expect(changes(report).isEmpty)
    }

    @Test func memberThatOthersReachStaysDuringAOnewayPartition() throws {
        let report = try run("1s partitionOneway n3 n4", "4s repair n3 n4")
        #expect(report.counts.partitions == 1)
        #expect(report.counts.lost > 0)
        // n3 cannot reach n4, and keeps it on the others' word.
        #expect(changes(report).isEmpty)
        #expect(report.members == 6)
    }

    @Test func firewallBetweenTwoNodesChangesNothing() throws {
        let report = try run("1s firewall n3 n4", "4s repair n3 n4", "5s firewall n4 n3")
        #expect(report.counts.partitions == 2)
        #expect(report.counts.lost > 0)
        #expect(changes(report).isEmpty)
    }

    @Test func heldMessagesAreLateAndNotLost() throws {
        let report = try run("1s hold n3 n4", "1700ms release n3 n4")
        // What waits is late and not lost.
        #expect(report.counts.lost == 0)
        #expect(changes(report).isEmpty)
        let longer = try run("1s hold n3 n4", "5s release n3 n4")
        #expect(longer.counts.lost == 0)
        // The others reach n4 all the time.
        #expect(changes(longer).isEmpty)
    }

    @Test func lookupsNameTheOwner() throws {
        let report = try run("1s lookup 3500 from n1", "1s lookup 4000 from n6")
        #expect(report.counts.lookupsAnswered == 2)
        #expect(report.counts.lookupsWrong == 0)
    }

    /// A stopped node on the way costs a lookup a silence, and its deadline holds.
    @Test func lookupAvoidsAStoppedNode() throws {
        let report = try run("1s pause n2 for 10s", "1100ms lookup 3500 from n1")
        #expect(report.counts.lookupsAnswered == 1)
        #expect(report.counts.lookupsFailed == 0)
    }
}
