// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

/// Runs of many machines with one event heap. They print nothing, read no clock and keep no state.
/// A run maps a scenario to a report, on any thread.
package enum MachineSimulation {
    /// Runs the scenario of a seed.
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

    /// Runs a scenario: faults, then repair, then the checks of the undisturbed ring.
    package static func run(_ scenario: Scenario, recordsTrace: Bool = false) -> SimulationReport {
        var run = MachineRun(scenario, recordsTrace: recordsTrace)
        return run.report()
    }

    /// Runs many seeds.
    ///
    /// - Parameter progress: receives each run's report, and returns whether to continue.
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

/// One run from its start to its report.
private struct MachineRun {
    private let scenario: Scenario
    private let world: MachineWorld
    private var rounds: Int?
    private var ringsAtRepair = 1
    private var isForgotten = false
    private var meanHops = 0.0

    /// The number of rounds for which an ideal ring must stay ideal. It is longer than any lookup
    /// in progress.
    private static let quietRounds = 6
    /// The limit of events per node and stabilize interval. A run with more does not terminate.
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
        // The limit of events applies per interval, so the run advances interval by interval.
        while world.now < end {
            let next = min(end, world.now + world.stabilize)
            guard world.run(until: next, eventLimit: eventLimit) else { return false }
        }
        world.heal()
        return world.violation == nil
    }

    /// The number of rounds within which an undisturbed ring must become ideal. Several joins at
    /// one place are resolved one per round. Lists grow by one entry per round. Each dead entry
    /// costs a peer timeout. Joiners wait between attempts. Fingers then rest before their pass. If
    /// the ring was split, a list of lost members must be gone through once. If a ring is wound
    /// around the circle, the nodes of a routing table must be, too.
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
        // Two lives of one name find each other when each has looked up all of its places.
        let meetingLives =
            world.hasPlaces ? 2 * scenario.placements * world.configuration.rivalTicks : 0
        return meetingLives + 2 * known + 2 * scenario.successorCount + 24 + meeting
            + Int(patience + silences * Double(scenario.successorCount + 2))
    }

    private mutating func livenessPhase() {
        ringsAtRepair = world.snapshot().ringCount
        isForgotten = !scenario.admitsOnly && world.groups() > 1
        // Answers sent before the repair can disturb an ideal ring once more. The ring must become
        // ideal and stay so.
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
            world.report(.place, world.placeFlaws(in: ring), after: "\(roundsAllowed) rounds")
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
        // An undisturbed ideal ring must not change.
        guard world.run(until: world.now + 3 * world.stabilize, eventLimit: eventLimit) else {
            return
        }
        // With several places one change is allowed: a lookup of another place may be the first to use a
        // finger whose node was replaced at another address. It is found again by the next finger pass.
        var left = world.hasPlaces ? roundsAllowed : 0
        while left > 0, IdealChecker.hasRightNeighbours(world.snapshot()),
            !isIdeal(world.snapshot())
        {
            guard world.run(until: world.now + world.stabilize, eventLimit: eventLimit) else {
                return
            }
            left -= 1
        }
        world.report(.unstable, IdealChecker.flaws(in: world.snapshot()), after: "quiet rounds")
    }

    private func isIdeal(_ ring: RingSnapshot) -> Bool {
        return world.isEverybodyIn && !ring.members.isEmpty
            && IdealChecker.flaws(in: ring, limit: 1).isEmpty
            && world.placeFlaws(in: ring).isEmpty
    }

    private mutating func checkIdealRing(_ ring: RingSnapshot) {
        world.report(.ownership, IdealChecker.rangeFlaws(in: ring), after: "the ring was ideal")
        meanHops = world.checkLookups(ring)
    }
}
