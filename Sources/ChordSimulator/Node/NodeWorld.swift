// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordHash
import ChordRPC
import ChordRuntime
import ChordWire
import Logging

/// Whole nodes on one scheduler and one network, with the faults of a scenario. It is the
/// counterpart of `MachineWorld`, which has machines alone. Everything that happens follows from
/// the scenario.
///
/// `@unchecked Sendable`: it is used only on the thread that drives the run.
final class NodeWorld: @unchecked Sendable {
    let scenario: Scenario
    let scheduler: SimulationScheduler
    let network: NodeNetwork
    let parameters: RingParameters
    let hash: HashFunction
    var generator: SeededGenerator
    var counts = SimulationCounts()
    var violation: Violation?
    /// Present in runs in which the invariant must hold after every event.
    var tracker: InvariantTracker?
    var auditor = LookupAuditor()
    var ownership = OwnershipAuditor()
    /// Client lookups in progress, each with its node, incarnation and start time.
    var clientCalls: [Int: ClientLookup] = [:]
    var everMembers: [Int] = []
    var isHealed = false
    /// The time of the last change of membership.
    var lastMembershipChange: Int64 = 0
    /// The time when the ring was complete. The times of faults and of the repair count from here.
    private(set) var begin: Int64 = 0
    /// A readable log of the events.
    var trace: [String]?
    let stabilize: Int64
    /// The longest time until a queried node that is down counts as dead: the peer timeouts of both
    /// queries, and that of the indirect probes.
    let verdictTime: Int64
    /// Processes that are not the nodes of their numbers.
    var impostors: [Int: Impostor] = [:]
    /// The index of the place at which each node stood last, and all identifiers at which it stood.
    var formerPlaces: [Int: Int] = [:]
    var stoodAt: [Int: Set<Identifier>] = [:]
    private let logger = Logger(label: "simulated") { _ in SwiftLogNoOpLogHandler() }

    struct ClientLookup {
        let node: SimulatedNode
        let start: Int64
        let pausedBefore: Int64
    }

    init(_ scenario: Scenario, recordsTrace: Bool = false) {
        self.scenario = scenario
        let space: IdentifierSpace
        do {
            space = try IdentifierSpace(width: scenario.width)
        } catch {
            preconditionFailure("a scenario with an impossible width: \(error)")
        }
        hash = .placing(SimulatedPlaces(scenario, in: space), in: space)
        var parameters = RingParameters(
            ring: "simulated",
            hash: hash.name,
            probe: hash.identifier(of: RingParameters.probeText, in: space),
            space: space,
            rule: .name,
            successorCount: scenario.successorCount
        )
        parameters.placements = scenario.placements
        self.parameters = parameters
        generator = SeededGenerator(seed: scenario.seed)
        scheduler = SimulationScheduler(seed: scenario.seed)
        network = NodeNetwork(
            scheduler: scheduler,
            settings: scenario.network,
            seed: scenario.seed
        )
        stabilize = scenario.timing.stabilize.nanoseconds
        verdictTime =
            (scenario.timing.peerTimeout * 3 + Self.initialTimeout(scenario)).nanoseconds
        if recordsTrace { trace = [] }
        scheduler.afterWork = { [unowned self] executor in look(at: executor) }
    }

    // MARK: Start

    /// Forms the ring, then schedules the faults, whose times count from its completion. It must
    /// run on the thread that drives the run.
    func start() {
        for founder in scenario.founders { network.add(makeNode(founder.number)) }
        switch scenario.birth {
        case .founded: found()
        case .grown: grow()
        }
        note("the ring is complete; times count from here")
        begin = now
        ownership.begin(at: now)
        for (index, fault) in scenario.faults.enumerated() {
            scheduler.schedule(at: begin + fault.time.nanoseconds, for: nil) { [self] in
                if !isHealed { apply(scenario.faults[index].fault) }
            }
        }
        if scenario.lookupInterval != .zero { scheduleClientLookup() }
    }

    /// The first node starts a ring, and the others join it within an interval.
    private func grow() {
        let first = scenario.founders[0].number
        if let node = network.node(first) {
            let task = Task(executorPreference: node.executor) { await node.shell.create() }
            _ = task
        }
        for founder in scenario.founders.dropFirst() {
            guard let node = network.node(founder.number) else { continue }
            scheduler.schedule(at: generator.integer(in: 0...stabilize), for: nil) { [self] in
                startJoining(node, through: [first])
            }
        }
    }

    /// The founders start within an interval and found the ring together. If they are more than a
    /// message can name, they start as a ring.
    private func found() {
        let nodes = scenario.founders.compactMap { network.node($0.number) }
        let addresses = nodes.map(\.reference.address)
        if nodes.count > WireLimits.listNodes {
            var ring = nodes.map(\.reference)
            if hasPlaces {
                ring = PlaceRule(parameters, hash: hash).places(
                    ofFounders: ring,
                    count: scenario.placements,
                    in: parameters.space
                )
            }
            for node in nodes {
                scheduler.run(as: node.executor) {
                    node.shell.assumeIsolated { $0.begin(among: ring) }
                }
                look(at: node.executor)
            }
        }
        for node in nodes where !node.isMember {
            scheduler.schedule(at: generator.integer(in: 0...stabilize), for: nil) { [self] in
                startFounding(node, with: addresses)
            }
        }
        let end = now + Self.foundingIntervals * stabilize
        while now < end, !nodes.allSatisfy(\.isMember) {
            guard run(until: now + stabilize / 16, workLimit: 50_000 * max(8, nodes.count)) else {
                return
            }
        }
        let waiting = nodes.filter { !$0.isMember }.map { "\($0.reference.name) still waits" }
        report(.notIdeal, waiting, after: "\(Self.foundingIntervals) intervals")
        // The ring must be ideal from its first second.
        report(.notIdeal, IdealChecker.flaws(in: snapshot()), after: "the ring was founded")
        guard scenario.expectsInvariant, nodes.count > scenario.successorCount else { return }
        // Until all founders are members, lists contain nodes that are not.
        tracker = InvariantTracker(successorCount: scenario.successorCount)
        for _ in 0..<2 {
            for node in nodes { _ = track(node) }
        }
        report(.invariant, InvariantChecker.violations(in: snapshot()), after: "the start")
    }

    /// The number of intervals within which founders must find one another, even with many lost
    /// messages.
    private static let foundingIntervals: Int64 = 1_000

    private func startFounding(_ node: SimulatedNode, with addresses: [String]) {
        let task = Task(executorPreference: node.executor) { [self] in
            do throws(ChordError) {
                try await node.shell.found(with: addresses, for: nil)
            } catch {
                report(.notIdeal, ["\(node.reference.name): \(error)"], after: "the births")
            }
        }
        _ = task
    }

    /// A new incarnation of a node: a process that listens and is not a member yet.
    func makeNode(_ number: Int, life: UInt32 = 1) -> SimulatedNode {
        let space = UInt64(number) << 32 | UInt64(life)
        var draws = SeededGenerator(seed: scenario.seed ^ (UInt64(number) << 32) ^ 0x736B_6577)
        let most = Int64(scenario.timing.clockSkew * 1_000_000)
        let executor = SimulatedExecutor(
            number: number,
            seed: scenario.seed ^ space,
            skew: most > 0 ? draws.integer(in: -most...most) : 0,
            scheduler: scheduler
        )
        let transport = SimulatedTransport(network: network, number: number)
        let shell = NodeShell(
            configuration: configuration(number),
            executor: executor,
            transport: transport,
            logger: logger
        )
        return SimulatedNode(
            number: number,
            life: life,
            executor: executor,
            identity: SimulatedNode.identity(number, name: name(number)),
            shell: shell
        )
    }

    /// The time to connect to an unknown peer: one round trip.
    private static func initialTimeout(_ scenario: Scenario) -> Duration {
        max(FailureDetection().initial, scenario.timing.lookupTimeout)
    }

    private func configuration(_ number: Int) -> RuntimeConfiguration {
        let timing = scenario.timing
        var configuration = RuntimeConfiguration(
            name: name(number),
            address: SimulatedNode.address(number),
            parameters: parameters,
            hash: hash(of: number)
        )
        configuration.intervals.stabilize = timing.stabilize
        configuration.intervals.jitter = timing.jitter
        configuration.intervals.promptDelay = timing.promptDelay
        configuration.intervals.joinRetry = timing.joinRetry
        configuration.intervals.joinRetryCap = timing.joinRetryCap
        configuration.failureDetection.initial = Self.initialTimeout(scenario)
        configuration.failureDetection.maintenanceFloor = timing.peerTimeout
        configuration.failureDetection.connect = timing.peerTimeout
        configuration.failureDetection.probe = timing.peerTimeout * 2
        configuration.failureDetection.lookupFloor = timing.lookupTimeout
        configuration.failureDetection.cap = max(
            configuration.failureDetection.cap,
            timing.peerTimeout
        )
        configuration.lookups.deadline = timing.lookupDeadline
        configuration.machine.queryMode = scenario.queryMode
        return configuration
    }

    // MARK: Running

    var now: Int64 { scheduler.now }

    /// Runs up to a moment, or until a violation.
    ///
    /// - Returns: whether the moment was reached.
    func run(until end: Int64, workLimit: Int) -> Bool {
        let last = scheduler.workCount + workLimit
        let isThere = scheduler.run(until: end) { [self] in
            violation == nil && scheduler.workCount < last && scheduler.detector.count == 0
        }
        if scheduler.detector.count > 0 {
            report(.escape, scheduler.detector.escapes, after: "that")
        } else if !isThere {
            report(
                .endless,
                ["\(workLimit) jobs without reaching the end"],
                after: "the last of them"
            )
        }
        return violation == nil
    }

    func report(_ kind: Violation.Kind, _ details: [String], after event: String) {
        guard violation == nil, !details.isEmpty else { return }
        violation = Violation(kind: kind, time: .nanoseconds(now), event: event, details: details)
    }

    func note(_ line: @autoclosure () -> String) {
        guard trace != nil else { return }
        trace?.append("\(MachineWorld.text(now - begin)) \(line())")
    }

    /// Ends every process, so that nothing of the run remains.
    func shutDown() {
        tracker = nil
        scheduler.letGo()
        for case let node? in network.nodes where node.isUp { end(node) }
        for case let node? in network.nodes { scheduler.drain(node.executor) }
        scheduler.afterWork = nil
        network.removeAll()
        scheduler.letGo()
    }
}
