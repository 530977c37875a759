// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordRuntime

/// Runs of whole nodes on one simulated executor. They print nothing, read no clock and keep no
/// state. A run maps a scenario to a report. Several runs may use several threads.
package enum NodeSimulation {
    /// The default ranges for random node scenarios: larger rings and longer runs than for
    /// machines.
    package static var standardOptions: SwarmOptions {
        var options = SwarmOptions()
        options.founders = 3...30
        options.faultSeconds = 3...40
        options.mostFaults = 60
        // A node that stops for a newer process of its name asks nobody whether the ring bears it.
        options.twinsAreFailures = true
        return options
    }

    /// Runs the scenario of a seed.
    package static func run(
        seed: UInt64,
        options: SwarmOptions = standardOptions,
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
        var run = NodeRun(scenario, recordsTrace: recordsTrace)
        return run.report()
    }
}

/// One run from its start to its report.
private struct NodeRun {
    private let scenario: Scenario
    private let world: NodeWorld
    private var rounds: Int?
    private var ringsAtRepair = 1
    private var isForgotten = false
    private var hops = 0
    private var lookups = 0

    /// The number of rounds for which an ideal ring must stay ideal. It is longer than any lookup
    /// in progress.
    private static let quietRounds = 6
    /// The limit of jobs per node and stabilize interval. A run with more does not terminate.
    private static let workPerNode = 50_000

    init(_ scenario: Scenario, recordsTrace: Bool) {
        self.scenario = scenario
        world = NodeWorld(scenario, recordsTrace: recordsTrace)
    }

    mutating func report() -> SimulationReport {
        world.scheduler.drive {
            world.start()
            if world.violation == nil, faultPhase() { livenessPhase() }
            let members = world.snapshot().members.count
            var hash = world.scheduler.hash
            hash.mix(UInt64(members))
            world.counts.events = world.scheduler.workCount
            world.counts.messages = world.network.messages
            world.counts.lost = world.network.lost
            world.ownership.end(at: world.now)
            let ownership = world.ownership
            let allowed = roundsAllowed
            world.shutDown()
            return SimulationReport(
                seed: nil,
                scenario: scenario,
                counts: world.counts,
                traceHash: hash,
                violation: world.violation,
                roundsToIdeal: rounds,
                roundsAllowed: allowed,
                members: members,
                ringsAtRepair: ringsAtRepair,
                isForgotten: isForgotten && rounds == nil,
                meanHops: lookups == 0 ? 0 : Double(hops) / Double(lookups),
                trace: world.trace ?? [],
                ownership: ownership
            )
        }
    }

    private var workLimit: Int { Self.workPerNode * max(8, world.network.nodes.count) }

    private func runRound(upTo end: Int64 = .max) -> Bool {
        let next = min(end, world.now + world.stabilize)
        return world.run(until: next, workLimit: workLimit)
    }

    private func faultPhase() -> Bool {
        let end = world.begin + scenario.healTime.nanoseconds
        // The limit of jobs applies per interval, so the run advances interval by interval.
        while world.now < end {
            guard runRound(upTo: end) else { return false }
            world.checkClientsServed()
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
        let interval = Double(timing.stabilize.nanoseconds)
        let silences = Double(world.verdictTime) / interval
        let patience =
            Double((timing.joinRetryCap + timing.lookupDeadline * 3).nanoseconds) / interval
        let known = world.network.nodes.count
        let merging = ChordMachine.MergeSettings()
        let meeting =
            merging.probeTicks * min(known, PassiveList.capacity) + 8 * merging.checkTicks
        // Two lives of one name find each other when each has looked up all of its places.
        let meetingLives =
            world.hasPlaces
            ? 2 * scenario.placements * ChordMachine.Configuration().rivalTicks : 0
        return meetingLives + 2 * known + 2 * scenario.successorCount + 24 + meeting
            + Int(patience + silences * Double(scenario.successorCount + 2))
    }

    private mutating func livenessPhase() {
        ringsAtRepair = world.snapshot().ringCount
        isForgotten = !scenario.admitsOnly && world.groups() > 1
        for round in 0...(roundsAllowed + Self.quietRounds) {
            world.rescueJoiners()
            let ring = world.snapshot()
            if ring.members.isEmpty { return }
            if !isIdeal(ring) {
                rounds = nil
            } else if rounds == nil {
                rounds = round
            } else if let first = rounds, round - first == Self.quietRounds {
                break
            }
            guard runRound() else { return }
            world.checkClientsServed()
        }
        let ring = world.snapshot()
        guard rounds != nil else {
            if isForgotten { return }
            world.report(.place, world.placeFlaws(in: ring), after: "\(roundsAllowed) rounds")
            let outside = world.network.nodes.compactMap { $0 }.filter {
                $0.isUp && !$0.isMember && !world.isIntruder($0.number)
            }
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
        world.report(.ownership, IdealChecker.rangeFlaws(in: ring), after: "the ring was ideal")
        let unowned = ring.members.filter { !$0.ownsRange }.map {
            "\($0.node.name) does not own its range (\($0.tenure))"
        }
        world.report(.ownership, unowned, after: "the ring was ideal")
        checkLookups(ring)
        guard world.violation == nil else { return }
        checkStability()
    }

    /// An undisturbed ideal ring must not change.
    ///
    /// One change is allowed if nothing tells nodes that a process has ended. A lookup may be the
    /// first to use a connection to an earlier incarnation of a node. It fails, and the node is not
    /// a finger until the next finger pass finds it.
    private mutating func checkStability() {
        for _ in 0..<3 {
            guard runRound() else { return }
        }
        var ring = world.snapshot()
        var left = scenario.network.refusesWhenDown ? 0 : roundsAllowed
        while left > 0, IdealChecker.hasRightNeighbours(ring), !isIdeal(ring) {
            guard runRound() else { return }
            ring = world.snapshot()
            left -= 1
        }
        world.report(.unstable, IdealChecker.flaws(in: ring), after: "quiet rounds")
    }

    private func isIdeal(_ ring: RingSnapshot) -> Bool {
        let isEverybodyIn = world.network.nodes.allSatisfy { node in
            node.map { !$0.isUp || $0.isMember || world.isIntruder($0.number) } ?? true
        }
        // A joiner whose head has failed owns its range later than it has its place.
        return isEverybodyIn && ring.members.allSatisfy(\.ownsRange)
            && IdealChecker.flaws(in: ring, limit: 1).isEmpty
            && world.placeFlaws(in: ring).isEmpty
    }

    /// Every node looks up some identifiers at the same time. All must name the true owner.
    private mutating func checkLookups(_ ring: RingSnapshot) {
        let space = world.parameters.space
        var generator = SeededGenerator(seed: scenario.seed ^ 0x6C6F_6F6B_7570)
        let answers = LookupAnswers()
        for case let node? in world.network.nodes where node.isUp && node.isMember {
            for offset in UInt64(0)..<3 {
                var target = Identifier(generator.next() & space.largest.word3)
                if offset > 0, let other = generator.element(of: ring.members) {
                    target = space.adding(other.node.id, Identifier(offset - 1))
                }
                answers.expected += 1
                let task = Task(executorPreference: node.executor) {
                    do throws(ChordError) {
                        let result = try await node.shell.lookup(target)
                        answers.add(target, node.number, .success(result))
                    } catch {
                        answers.add(target, node.number, .failure(error))
                    }
                }
                _ = task
            }
        }
        let end = world.now + 2 * scenario.timing.lookupDeadline.nanoseconds
        while world.now < end, answers.all.count < answers.expected {
            guard runRound(upTo: end) else { return }
        }
        var flaws: [String] = []
        if answers.all.count < answers.expected {
            flaws.append("\(answers.expected - answers.all.count) lookups have not ended")
        }
        for (target, number, outcome) in answers.all {
            switch outcome {
            case .success(let result):
                hops += result.hops
                lookups += 1
                guard result.owner != ring.owner(of: target) else { continue }
                flaws.append("\(target) from n\(number): \(result.owner)")
            case .failure(let error): flaws.append("\(target) from n\(number): \(error)")
            }
        }
        world.report(.lookup, Array(flaws.prefix(5)), after: "the ring was ideal")
    }
}

/// The results of the lookups in an ideal ring.
///
/// `@unchecked Sendable`: it is used only on the thread that drives the run.
private final class LookupAnswers: @unchecked Sendable {
    typealias Answer = (target: Identifier, number: Int, Result<LookupResult, ChordError>)

    var expected = 0
    private(set) var all: [Answer] = []

    func add(_ target: Identifier, _ number: Int, _ outcome: Result<LookupResult, ChordError>) {
        all.append((target, number, outcome))
    }
}
