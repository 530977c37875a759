// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore

/// Many machines with one event heap and a virtual clock. It does the shells' work without shells.
/// Everything that happens follows from the scenario.
final class MachineWorld {
    let scenario: Scenario
    let parameters: RingParameters
    /// Where nodes stand.
    let rule: PlaceRule
    let configuration: ChordMachine.Configuration
    /// Nodes by number; number 0 is unused.
    var nodes: [MachineNode] = []
    var heap = EventHeap()
    var lookups = MachineLookups()
    var network = SimulatedNetwork()
    var generator: SeededGenerator
    var hash = TraceHash()
    /// Virtual nanoseconds since the start.
    var now: Int64 = 0
    var counts = SimulationCounts()
    var violation: Violation?
    /// Present in runs in which the invariant must hold after every event.
    var tracker: InvariantTracker?
    /// Above this number of nodes the invariant is checked in full each virtual second instead.
    static let trackedNodes = 1000
    var auditor = LookupAuditor()
    var waiting: [(message: Message, serial: UInt64)] = []
    var lastSerial: UInt64 = 0
    var everMembers: [Int] = []
    var takenIds: Set<Identifier> = []
    var isHealed = false
    /// Whether finger lookups are computed at one moment instead of with messages.
    var walksLookups = false
    /// Whether the time between two ticks is exponential instead of jittered.
    var ticksAreMemoryless = false
    /// A readable log of the events.
    var trace: [String]?

    // The scenario's durations in nanoseconds.
    let stabilize: Int64
    let isTruthful: Bool
    let peerTimeout: Int64
    let lookupTimeout: Int64
    let lookupDeadline: Int64
    let promptDelay: Int64
    /// The delays after the repair.
    static let calmDelay = DelayDistribution.uniform(from: .milliseconds(1), to: .milliseconds(10))

    /// - Parameter configuration: the configuration of all machines, except the query mode, which
    ///   the scenario gives.
    init(
        _ scenario: Scenario,
        configuration: ChordMachine.Configuration = ChordMachine.Configuration(),
        recordsTrace: Bool = false
    ) {
        self.scenario = scenario
        generator = SeededGenerator(seed: scenario.seed)
        let space: IdentifierSpace
        do {
            space = try IdentifierSpace(width: scenario.width)
        } catch {
            preconditionFailure("a scenario with an impossible width: \(error)")
        }
        var parameters = RingParameters(
            ring: "simulated",
            hash: "none",
            probe: .zero,
            space: space,
            rule: .name,
            successorCount: scenario.successorCount
        )
        parameters.placements = scenario.placements
        self.parameters = parameters
        rule = SimulatedPlaces(scenario, in: space).rule
        var configuration = configuration
        configuration.queryMode = scenario.queryMode
        self.configuration = configuration
        isTruthful = scenario.isTruthful
        stabilize = scenario.timing.stabilize.nanoseconds
        peerTimeout = scenario.timing.peerTimeout.nanoseconds
        lookupTimeout = scenario.timing.lookupTimeout.nanoseconds
        lookupDeadline = scenario.timing.lookupDeadline.nanoseconds
        promptDelay = scenario.timing.promptDelay.nanoseconds
        if recordsTrace { trace = [] }
        if scenario.expectsInvariant, scenario.birth == .founded,
            scenario.founders.count <= Self.trackedNodes,
            scenario.founders.count > scenario.successorCount
        {
            tracker = InvariantTracker(successorCount: scenario.successorCount)
        }
        nodes.append(makeNode(0, id: .zero))
        nodes[0].isUp = false
        for (index, fault) in scenario.faults.enumerated() {
            heap.push(.fault(index), at: fault.time.nanoseconds)
        }
        if scenario.lookupInterval != .zero { heap.push(.clientLookup, at: 0) }
        if scenario.expectsInvariant, scenario.birth == .founded,
            scenario.founders.count > Self.trackedNodes
        {
            heap.push(.checkAll, at: 1_000_000_000)
        }
        bear()
    }

    private func makeNode(
        _ number: Int,
        id: Identifier,
        life: UInt32 = 1,
        name: String? = nil
    ) -> MachineNode {
        let address = MachineNode.name(number)
        let reference = NodeReference(
            id: id,
            name: name ?? address,
            address: address,
            incarnation: UInt64(life)
        )
        let node = MachineNode(
            machine: ChordMachine(
                node: reference,
                parameters: parameters,
                configuration: configuration
            )
        )
        node.life = life
        node.firstPlace = id
        if hasPlaces {
            let places = rule.places(of: reference, count: scenario.placements)
            node.machine.look(forRivalsAt: places.map(\.id))
        }
        let skew = Int64(scenario.timing.clockSkew * 1_000_000)
        if skew > 0 { node.skew = generator.integer(in: -skew...skew) }
        return node
    }

    func add(_ number: Int, id: Identifier, life: UInt32 = 1, name: String? = nil) {
        while nodes.count <= number {
            nodes.append(nodes[0])
        }
        nodes[number] = makeNode(number, id: id, life: life, name: name)
        takenIds.insert(id)
    }

    // MARK: Start

    private func bear() {
        for founder in scenario.founders { add(founder.number, id: founder.id) }
        switch scenario.birth {
        case .founded: found()
        case .grown:
            let first = scenario.founders[0].number
            perform(first) { $0.create() }
            for founder in scenario.founders.dropFirst() {
                startJoining(founder.number, via: first, within: stabilize)
            }
        }
    }

    /// Makes an ideal ring of the founders. In a large ring they know only their neighbours, and
    /// have no fingers yet.
    private func found() {
        var ring = scenario.founders.sorted { $0.id < $1.id }.map { nodes[$0.number].reference }
        if hasPlaces {
            ring = rule.places(
                ofFounders: ring,
                count: scenario.placements,
                in: parameters.space
            ).sorted { $0.id < $1.id }
            for node in ring { _ = nodes[MachineNode.number(of: node)].machine.move(to: node) }
        }
        let count = ring.count
        let reach = count <= Self.trackedNodes ? count - 1 : scenario.successorCount
        for (index, node) in ring.enumerated() {
            let others = (0..<reach).map { ring[(index + 1 + $0) % count] }
            let number = MachineNode.number(of: node)
            _ = nodes[number].machine.found(with: others + [ring[(index + count - 1) % count]])
            becameMember(number)
        }
        guard tracker != nil else { return }
        // The ring is made in one step; violations of the intermediate states do not count.
        for node in ring { _ = updateTracker(MachineNode.number(of: node)) }
        for node in ring { _ = updateTracker(MachineNode.number(of: node)) }
        report(.invariant, InvariantChecker.violations(in: snapshot()), after: "the start")
    }

    func becameMember(_ number: Int) {
        defer { startTicking(number) }
        guard !nodes[number].isIntruder else { return }
        checkPlace(of: number)
        counts.joined += 1
        nodes[number].wasMember = true
        nodes[number].memberSince = now
        everMembers.append(number)
    }

    private func startTicking(_ number: Int) {
        guard !nodes[number].isTicking else { return }
        nodes[number].isTicking = true
        let first = ticksAreMemoryless ? nextInterval() : generator.integer(in: 0...stabilize)
        heap.push(.tick(number, life: nodes[number].life), at: now + first)
    }

    // MARK: Running

    /// Handles events up to a moment, or until a violation.
    ///
    /// - Returns: false if a violation or the limit of events ended the run.
    func run(until end: Int64, eventLimit: Int = .max) -> Bool {
        let last = eventLimit == .max ? Int.max : counts.events + eventLimit
        while violation == nil, let next = heap.nextTime, next <= end {
            step()
            if counts.events >= last {
                report(
                    .endless,
                    ["\(eventLimit) events without reaching the end"],
                    after: "the last of them"
                )
            }
        }
        if violation == nil { now = end }
        return violation == nil
    }

    private func step() {
        guard let (time, event) = heap.pop() else { return }
        now = time
        counts.events += 1
        hash.mix(time)
        hash.mix(event.code)
        if let node = event.node, nodes[node].backlog != nil {
            nodes[node].backlog?.append(event)
            return
        }
        handle(event)
    }

    func handle(_ event: Event) {
        if trace != nil { trace?.append("\(Self.text(now)) \(event)") }
        switch event {
        case .tick(let number, let life):
            guard isAlive(number, life) else { return }
            guard nodes[number].machine.phase == .member else {
                nodes[number].isTicking = false
                return
            }
            let interval = local(nextInterval(), of: number)
            heap.push(.tick(number, life: life), at: now + interval)
            perform(number, event) { $0.tick() }
            retryBootstrap(number)
        case .round(let number, let life):
            guard isAlive(number, life) else { return }
            nodes[number].isRoundDue = false
            perform(number, event) { $0.round() }
        case .expire(let number, let life, let token):
            // Tokens start again with each incarnation, so answers for an earlier incarnation are
            // dropped.
            guard isAlive(number, life) else { return }
            nodes[number].inbound.removeAll { inbound in
                if case .answer(token, .dead) = inbound.content { true } else { false }
            }
            let verdict = verdict(of: number, under: token)
            perform(number, event) { $0.receive(verdict, for: token) }
        case .fingerResolved(let number, let life, let token, let owner):
            guard isAlive(number, life) else { return }
            perform(number, event) {
                $0.resolveFinger(owner.flatMap { self.isPlaced($0) ? $0 : nil }, for: token)
            }
        case .rivalResolved(let number, let life, let token, let owner):
            guard isAlive(number, life) else { return }
            perform(number, event) {
                $0.resolveRival(owner.flatMap { self.isPlaced($0) ? $0 : nil }, for: token)
            }
        case .placeResolved(let number, let life, let token, let answer):
            guard isAlive(number, life) else { return }
            perform(number, event) { $0.resolvePlace(answer, for: token) }
        case .silence(let run, let attempt): silent(run, attempt)
        case .joinTimer(let number, let life):
            if isAlive(number, life) { joinTimerFired(number, event) }
        case .joinExpired(let number, let life, let token, let asMember):
            guard isAlive(number, life) else { return }
            receive(joinAnswer(.dead, asMember: asMember), for: token, at: number)
        case .deliver(let message, let serial): deliver(message, serial)
        case .resume(let number): resume(number)
        case .exit(let number, let life):
            if isAlive(number, life) { nodes[number].isUp = false }
        case .restart(let number, let via): restart(number, via: via)
        case .fault(let index): if !isHealed { apply(scenario.faults[index].fault) }
        case .clientLookup: clientLookup()
        case .checkAll:
            report(.invariant, InvariantChecker.violations(in: snapshot()), after: "a full check")
            if !isHealed { heap.push(.checkAll, at: now + 1_000_000_000) }
        }
    }

    private func nextInterval() -> Int64 {
        if ticksAreMemoryless {
            let ticks = DelayDistribution.exponential(
                mean: scenario.timing.stabilize,
                limit: scenario.timing.stabilize * 100
            )
            return ticks.sample(using: &generator)
        }
        let jitter = scenario.timing.jitter
        let factor = generator.number(in: (1 - jitter)...(1 + jitter))
        return Int64(Double(stabilize) * factor)
    }

    func isAlive(_ number: Int, _ life: UInt32) -> Bool {
        nodes[number].isUp && nodes[number].life == life
    }

    /// The true time of a duration that a node measures with its clock.
    func local(_ duration: Int64, of number: Int) -> Int64 {
        let skew = nodes[number].skew
        return skew == 0 ? duration : duration + duration / 1000 * skew / 1000
    }

    static func text(_ time: Int64) -> String {
        let microseconds = String(time / 1000 % 1_000_000)
        return "\(time / 1_000_000_000)."
            + String(repeating: "0", count: 6 - microseconds.count) + microseconds
    }

    /// The members' states, with the lists in flight.
    func snapshot() -> RingSnapshot {
        var views: [RoutingView] = []
        var pending: [RingSnapshot.PendingList] = []
        for number in nodes.indices where nodes[number].isUp && !nodes[number].isIntruder {
            if nodes[number].isMember { views.append(nodes[number].machine.view) }
            for list in listsInFlight(to: number) {
                pending.append(
                    RingSnapshot.PendingList(
                        owner: nodes[number].reference.id,
                        successors: list
                    )
                )
            }
        }
        return RingSnapshot(
            members: views,
            pending: pending,
            successorCount: scenario.successorCount
        )
    }
}
