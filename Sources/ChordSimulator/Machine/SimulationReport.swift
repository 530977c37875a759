// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore

/// A violated property, and when it was found.
package struct Violation: Hashable, Sendable, CustomStringConvertible {
    /// The kind of the property.
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// Zave's invariant, in a run with admissible failures only and without false suspicions.
        case invariant
        /// The undisturbed ring did not become ideal in time.
        case notIdeal
        /// An undisturbed ideal ring changed.
        case unstable
        /// Ranges have a gap or overlap.
        case ownership
        /// A lookup named a node that cannot be the owner.
        case lookup
        /// The run does not terminate: events cause further events without end.
        case endless
        /// A node was refused its place although no other node has it.
        case join
        /// A member stands at a place that is not its own, or two members have one name.
        case place
        /// Code left the run's single thread or its virtual time.
        case escape
    }

    package var kind: Kind
    /// Virtual time since the start.
    package var time: Duration
    /// The event after which the violation was found.
    package var event: String
    package var details: [String]

    package var description: String {
        "\(kind.rawValue) at \(time.inSeconds) after \(event): \(details.joined(separator: "; "))"
    }
}

/// The events of a run, counted.
package struct SimulationCounts: Hashable, Sendable {
    package var events = 0
    package var messages = 0
    /// The messages for merging rings, or for finding out whether there are rings to merge.
    package var mergeMessages = 0
    package var lost = 0
    package var joined = 0
    package var left = 0
    package var crashes = 0
    package var restarts = 0
    /// Nodes that stopped because a newer process of their name is a member.
    package var replaced = 0
    /// Failures that were skipped because the proof does not admit them.
    package var refusedFailures = 0
    package var pauses = 0
    package var partitions = 0
    package var lookupsAnswered = 0
    package var lookupsFailed = 0
    /// Answers that named a node that was the owner neither at the start nor at the end of the
    /// call.
    package var lookupsWrong = 0
    /// Answers that named a node that was not a member at any time during the call.
    package var lookupsDeparted = 0
    /// The longest time between such a node's departure and the call, in nanoseconds.
    package var longestDeparted: Int64 = 0

    package init() {}

    static func + (left: SimulationCounts, right: SimulationCounts) -> SimulationCounts {
        var sum = left
        sum.events += right.events
        sum.messages += right.messages
        sum.mergeMessages += right.mergeMessages
        sum.lost += right.lost
        sum.joined += right.joined
        sum.left += right.left
        sum.replaced += right.replaced
        sum.crashes += right.crashes
        sum.restarts += right.restarts
        sum.refusedFailures += right.refusedFailures
        sum.pauses += right.pauses
        sum.partitions += right.partitions
        sum.lookupsAnswered += right.lookupsAnswered
        sum.lookupsFailed += right.lookupsFailed
        sum.lookupsWrong += right.lookupsWrong
        sum.lookupsDeparted += right.lookupsDeparted
        sum.longestDeparted = max(sum.longestDeparted, right.longestDeparted)
        return sum
    }
}

/// The result of one run.
package struct SimulationReport: Sendable, CustomStringConvertible {
    /// The seed of the scenario; nil if the scenario was read from text.
    package var seed: UInt64?
    package var scenario: Scenario
    package var counts: SimulationCounts
    /// The trace hash. It is the same in every process that runs this scenario.
    package var traceHash: TraceHash
    /// The first violation; nil if every check passed.
    package var violation: Violation?
    /// Stabilize intervals from the repair to the ideal ring; nil if the ring did not become ideal.
    package var roundsToIdeal: Int?
    /// The allowed number of rounds.
    package var roundsAllowed: Int
    /// The number of members at the end.
    package var members: Int
    /// The number of separate rings at the repair, or the turns of a single ring that is wound
    /// around the circle. Rings split if live nodes are taken for dead until whole lists are gone.
    /// They must have merged at the end.
    package var ringsAtRepair: Int
    /// Whether the ring stays split because inadmissible failures left no member that knows a
    /// member of another part. Only an operator can connect the parts. Such runs are counted, not
    /// judged.
    package var isForgotten: Bool
    /// Mean hops of the lookups at the end.
    package var meanHops: Double
    /// The end of the event log, if it was recorded.
    package var trace: [String]
    /// The ownership of ranges as claimed by nodes, in a node simulation.
    package var ownership = OwnershipAuditor()

    /// Whether there is no violation.
    package var holds: Bool { violation == nil }

    /// The outcome in one word or line. A stored scenario contains it after `----`.
    package var outcome: String {
        if let violation { return "\(violation.kind.rawValue): \(violation.details.first ?? "")" }
        if members == 0 { return "died out" }
        return isForgotten ? "forgotten" : "holds"
    }

    package var description: String {
        let name = seed.map { "seed \($0)" } ?? "scenario"
        var lines = [
            "\(name): \(outcome)",
            "  \(members.counted("member")), r = \(scenario.successorCount), "
                + "\(scenario.queryMode.rawValue), \(scenario.birth.rawValue), "
                + (scenario.expectsInvariant ? "invariant checked" : "repair checked"),
            "  \(counts.events.counted("event")), \(counts.crashes) crash\(counts.crashes == 1 ? "" : "es"), "
                + "\(counts.restarts.counted("restart")), \(counts.left.counted("departure")), "
                + "\(counts.refusedFailures.counted("failure")) not admitted",
            "  \(ringsAtRepair.counted("ring")) at the repair, ideal after \(roundsToIdeal.map(String.init) ?? "-") of \(roundsAllowed.counted("round")), "
                + "trace \(traceHash)",
        ]
        if ownership != OwnershipAuditor() {
            let (overlap, gap) = (ownership.longestOverlap, ownership.longestGap)
            lines.append(
                "  a key had two owners for \(Duration.nanoseconds(overlap).inSeconds) at most, and none "
                    + "for \(Duration.nanoseconds(gap).inSeconds); "
                    + "\(ownership.rangeChanges.values.reduce(0, +).counted("change")) of ranges"
            )
        }
        if let violation { lines.append("  \(violation)") }
        return lines.joined(separator: "\n")
    }
}

/// The result of many runs.
package struct SweepReport: Sendable, CustomStringConvertible {
    package var seeds = 0
    package var counts = SimulationCounts()
    /// Runs in which the invariant was checked after every event.
    package var invariantRuns = 0
    /// Runs whose ring was split at the repair.
    package var splits = 0
    /// Runs whose parts had forgotten each other, after inadmissible failures.
    package var forgotten = 0
    /// The largest number of rounds from the repair of a split ring to the single ideal ring.
    package var mostRoundsOfSplits = 0
    package var mostRounds = 0
    /// The runs with a violation.
    package var failures: [SimulationReport] = []

    package init() {}

    package mutating func add(_ report: SimulationReport) {
        seeds += 1
        counts = counts + report.counts
        if report.scenario.expectsInvariant { invariantRuns += 1 }
        if report.ringsAtRepair > 1 {
            splits += 1
            mostRoundsOfSplits = max(mostRoundsOfSplits, report.roundsToIdeal ?? 0)
        }
        mostRounds = max(mostRounds, report.roundsToIdeal ?? 0)
        if report.isForgotten { forgotten += 1 }
        if !report.holds { failures.append(report) }
    }

    package var description: String {
        var lines = [
            "\(seeds.counted("seed")) (\(invariantRuns) with the invariant after every event), "
                + "\(failures.count) failed",
            "  \(counts.events) events, \(counts.messages) messages (\(counts.lost) lost), "
                + "\(counts.joined) joins, \(counts.left) departures, \(counts.crashes) crashes, "
                + "\(counts.restarts) restarts, \(counts.refusedFailures) failures not admitted",
            "  lookups under faults: \(counts.lookupsAnswered) answered, \(counts.lookupsFailed) "
                + "failed, \(counts.lookupsWrong) named a wrong owner, \(counts.lookupsDeparted) one "
                + "that had departed (\(Duration.nanoseconds(counts.longestDeparted).inSeconds) before at most)",
            "  \(mostRounds.counted("round")) to ideal at most; \(splits.counted("ring")) had split "
                + "(\(mostRoundsOfSplits.counted("round"))), the parts of \(forgotten) had forgotten each other",
        ]
        lines += failures.map(\.description)
        return lines.joined(separator: "\n")
    }
}
