// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

/// Runs of many machines under one heap of events. Nothing here prints, reads a clock or keeps state:
/// a scenario goes in and a report comes out, on any thread.
package enum MachineSimulation {
    /// Runs the scenario that a seed stands for.
    package static func run(
        seed: UInt64,
        options: SwarmOptions = SwarmOptions(),
        recordsTrace: Bool = false
    ) -> SimulationReport {
        var report = run(
            Scenario.random(seed: seed, options: options),
            recordsTrace: recordsTrace
        )
        report.seed = seed
        return report
    }

    /// Runs a scenario: faults, then repair, then what must hold once the ring is left alone.
    package static func run(_ scenario: Scenario, recordsTrace: Bool = false) -> SimulationReport {
        var run = MachineRun(scenario, recordsTrace: recordsTrace)
        return run.report()
    }

    /// Runs many seeds.
    ///
    /// - Parameter progress: gets each run's report, and says whether to go on.
    package static func run(
        seeds: Range<UInt64>,
        options: SwarmOptions = SwarmOptions(),
        stopsAtFirstFailure: Bool = true,
        progress: (SimulationReport) -> Bool = { _ in true }
    ) -> SweepReport {
        var sweep = SweepReport()
        for seed in seeds {
            let report = run(seed: seed, options: options)
            sweep.add(report)
            if !progress(report) || stopsAtFirstFailure && !report.holds { break }
        }
        return sweep
    }
}

/// One run from its birth to its report.
private struct MachineRun {
    private let scenario: Scenario
    private let world: MachineWorld
    private var rounds: Int?
    private var ringsAtRepair = 1
    private var isForgotten = false
    private var meanHops = 0.0

    /// Rounds that an ideal ring must stay ideal: longer than a lookup that is under way can take.
    private static let quietRounds = 6
    /// More events than this within a stabilisation interval and per node have no end.
    private static let eventsPerNode = 20_000

    init(_ scenario: Scenario, recordsTrace: Bool) {
        self.scenario = scenario
        world = MachineWorld(scenario, recordsTrace: recordsTrace)
    }

    mutating func report() -> SimulationReport {
        if faultPhase() { livenessPhase() }
        world.hash.mix(UInt64(world.snapshot().members.count))
        return SimulationReport(
            seed: nil,
            scenario: scenario,
            counts: world.counts,
            traceHash: world.hash,
            violation: world.violation,
            roundsToIdeal: rounds,
            roundsAllowed: roundsAllowed,
            members: world.snapshot().members.count,
            ringsAtRepair: ringsAtRepair,
            isForgotten: isForgotten && rounds == nil,
            meanHops: meanHops,
            trace: world.trace ?? []
        )
    }

    private var eventLimit: Int { Self.eventsPerNode * max(8, world.nodes.count) }

    private mutating func faultPhase() -> Bool {
        let end = scenario.healTime.nanoseconds
        // In steps, so that the limit of events is one per interval.
        while world.now < end {
            let next = min(end, world.now + world.stabilize)
            guard world.run(until: next, eventLimit: eventLimit) else { return false }
        }
        world.heal()
        return world.violation == nil
    }

    /// The rounds within which a ring that is left alone must be ideal. Joins at one place sort
    /// themselves out one per round, lists lengthen by one entry per round, each dead entry costs a
    /// silence, joiners wait between attempts, and then the fingers rest before their pass. Of a ring that
    /// came apart, somebody's list of lost members is gone through once, and where it is wound around the
    /// circle, the nodes of a table.
    private var roundsAllowed: Int {
        let timing = scenario.timing
        let silences = Double(timing.peerTimeout.nanoseconds) / Double(timing.stabilize.nanoseconds)
        let patience =
            Double((timing.joinRetryCap + timing.lookupDeadline * 3).nanoseconds)
            / Double(timing.stabilize.nanoseconds)
        let known = world.nodes.count
        let merging = ChordMachine.MergeSettings()
        let meeting =
            merging.probeTicks * min(known, PassiveList.capacity) + 8 * merging.checkTicks
        return 2 * known + 2 * scenario.successorCount + 24 + meeting
            + Int(patience + silences * Double(scenario.successorCount + 2))
    }

    private mutating func livenessPhase() {
        ringsAtRepair = world.snapshot().ringCount
        isForgotten = !scenario.admitsOnly && world.groups() > 1
        // Answers that set out before the repair may spoil an ideal ring once more: what counts is
        // that it is ideal and stays so.
        for round in 0...(roundsAllowed + Self.quietRounds) {
            let ring = world.snapshot()
            if ring.members.isEmpty { return }
            if !isIdeal(ring) {
                rounds = nil
            } else if rounds == nil {
                rounds = round
            } else if let first = rounds, round - first == Self.quietRounds {
                break
            }
            guard
                world.run(until: world.now + world.stabilize, eventLimit: eventLimit)
            else { return }
        }
        guard rounds != nil else {
            if isForgotten { return }
            let ring = world.snapshot()
            let outside = world.nodes.filter { $0.isUp && $0.machine.phase == .notJoined }
            world.report(
                .notIdeal,
                (ring.ringCount == 1 ? [] : ["\(ring.ringCount) rings"])
                    + (world.groups() == 1 ? [] : ["parts have forgotten each other"])
                    + IdealChecker.flaws(in: ring)
                    + outside.prefix(5).map { "\($0.reference.name) has not become a member" },
                after: "\(roundsAllowed) rounds"
            )
            return
        }
        checkIdealRing(world.snapshot())
        guard world.violation == nil else { return }
        // Left alone, an ideal ring stays as it is.
        guard world.run(until: world.now + 3 * world.stabilize, eventLimit: eventLimit) else {
            return
        }
        world.report(.unstable, IdealChecker.flaws(in: world.snapshot()), after: "3 quiet rounds")
    }

    private func isIdeal(_ ring: RingSnapshot) -> Bool {
        return world.isEverybodyIn && !ring.members.isEmpty
            && IdealChecker.flaws(in: ring, limit: 1).isEmpty
    }

    private mutating func checkIdealRing(_ ring: RingSnapshot) {
        world.report(.ownership, IdealChecker.rangeFlaws(in: ring), after: "the ring was ideal")
        meanHops = world.checkLookups(ring)
    }
}
