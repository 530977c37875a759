// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

/// What was found to be wrong, and when.
package struct Violation: Hashable, Sendable, CustomStringConvertible {
    /// What kind of promise is broken.
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// Zave's invariant, in a run whose failures are admissible and whose suspicions are true.
        case invariant
        /// The ring was left alone and did not become ideal in time.
        case notIdeal
        /// An ideal ring changed although nothing happened.
        case unstable
        /// Ranges leave a gap or overlap.
        case ownership
        /// A lookup named somebody who cannot be the owner.
        case lookup
        /// Events breed events without end.
        case endless
        /// A node was refused its place although nobody else has it.
        case join
        /// Something left the run's one thread or its virtual time.
        case escape
    }

    package var kind: Kind
    /// Virtual time since the start.
    package var time: Duration
    /// The event after which it was found.
    package var event: String
    package var details: [String]

    package var description: String {
        "\(kind.rawValue) at \(time.inSeconds) after \(event): \(details.joined(separator: "; "))"
    }
}

/// What happened in a run, counted.
package struct SimulationCounts: Hashable, Sendable {
    package var events = 0
    package var messages = 0
    /// Of these, what was said to merge rings, or to find out whether there is one to merge with.
    package var mergeMessages = 0
    package var lost = 0
    package var joined = 0
    package var left = 0
    package var crashes = 0
    package var restarts = 0
    /// Failures that were left out, as the proof does not admit them.
    package var refusedFailures = 0
    package var pauses = 0
    package var partitions = 0
    package var lookupsAnswered = 0
    package var lookupsFailed = 0
    /// Answers that named somebody who was the owner neither at the start of the call nor at its end.
    package var lookupsWrong = 0
    /// Answers that named somebody who was a member at no moment of the call.
    package var lookupsDeparted = 0
    /// How long before the call such a one had gone at the most, in nanoseconds.
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

/// What came of one run.
package struct SimulationReport: Sendable, CustomStringConvertible {
    /// The number that the scenario was drawn from; nil where it was read.
    package var seed: UInt64?
    package var scenario: Scenario
    package var counts: SimulationCounts
    /// The same in every process that runs this scenario.
    package var traceHash: TraceHash
    /// What was wrong first; nil when everything held.
    package var violation: Violation?
    /// Stabilisation intervals from the repair of everything to the ideal ring; nil when there was none.
    package var roundsToIdeal: Int?
    /// The rounds that were allowed.
    package var roundsAllowed: Int
    /// Members at the end.
    package var members: Int
    /// The separate rings when everything was repaired, or the turns of one that was wound around the
    /// circle. More than one come about where live nodes were taken for dead until whole lists were gone;
    /// they must have become one at the end.
    package var ringsAtRepair: Int
    /// Whether the ring stays in parts because failures that nobody held back left nobody who knew anybody of
    /// another part.
    /// Nothing but an operator brings them together; they are counted and not judged.
    package var isForgotten: Bool
    /// Forwardings per lookup, over the lookups at the end.
    package var meanHops: Double
    /// The last of what happened, where it was recorded.
    package var trace: [String]
    /// Who owned what by its own account, in a run of whole nodes.
    package var ownership = OwnershipAuditor()

    /// Whether nothing was wrong.
    package var holds: Bool { violation == nil }

    /// What came out, in a word or a line: what a kept scenario states after `----`.
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
        if let violation { lines.append("  \(violation)") }
        return lines.joined(separator: "\n")
    }
}

/// What came of many runs.
package struct SweepReport: Sendable, CustomStringConvertible {
    package var seeds = 0
    package var counts = SimulationCounts()
    /// Runs in which the invariant was checked after every event.
    package var invariantRuns = 0
    /// Runs whose ring had come apart when everything was repaired.
    package var splits = 0
    /// Runs whose parts had forgotten each other, by failures that were not admissible.
    package var forgotten = 0
    /// Rounds from then to the one ideal ring, at the most.
    package var mostRoundsOfSplits = 0
    package var mostRounds = 0
    /// The runs in which something was wrong.
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

    package mutating func add(_ other: SweepReport) {
        seeds += other.seeds
        counts = counts + other.counts
        invariantRuns += other.invariantRuns
        splits += other.splits
        forgotten += other.forgotten
        mostRoundsOfSplits = max(mostRoundsOfSplits, other.mostRoundsOfSplits)
        mostRounds = max(mostRounds, other.mostRounds)
        failures += other.failures
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
                + "that had gone (\(Duration.nanoseconds(counts.longestDeparted).inSeconds) before at the most)",
            "  \(mostRounds.counted("round")) to ideal at the most; \(splits.counted("ring")) had come apart "
                + "(\(mostRoundsOfSplits.counted("round"))), the parts of \(forgotten) had forgotten each other",
        ]
        lines += failures.map(\.description)
        return lines.joined(separator: "\n")
    }
}
