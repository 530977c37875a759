// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore

/// Random events in a ring. All follow from the seed, so that a failure can be repeated.
struct Scenario {
    /// A failed check of a scenario.
    struct Fault: Error, CustomStringConvertible {
        var description: String
    }

    /// The parameters of a scenario.
    struct Limits {
        var nodes = 1...40
        var widths = 6...64
        var successorCounts = 1...5
        var queryMode = ChordMachine.QueryMode.answering
        /// Events while members crash, leave, join and restart.
        var churnEvents = 0
    }

    var ring: Ring
    private var generator: SeededGenerator
    private let limits: Limits
    private let count: Int
    private var nextName = 1
    /// The invariant's violations, each with the event before it.
    private(set) var violations: [String] = []
    /// Crashes and departures that took place.
    private(set) var failures = 0

    init(seed: UInt64, limits: Limits) throws {
        var generator = SeededGenerator(seed: seed)
        let width = Int.random(in: limits.widths, using: &generator)
        ring = try Ring(
            width: width,
            successorCount: Int.random(in: limits.successorCounts, using: &generator)
        )
        ring.configuration.queryMode = limits.queryMode
        count = Int.random(in: limits.nodes, using: &generator)
        self.generator = generator
        self.limits = limits
    }

    /// Grows the ring, lets members come and go, and waits until it is ideal each time.
    mutating func run() throws {
        try grow()
        try becomeIdeal()
        guard limits.churnEvents > 0, ring.members.count > ring.parameters.successorCount else {
            return
        }
        for _ in 0..<limits.churnEvents {
            guard let event = churn(), violations.isEmpty else { continue }
            violations = ring.violations().map { "after \(event): \($0)" }
        }
        try becomeIdeal()
    }

    // MARK: Events

    private mutating func grow() throws {
        let first = newName()
        ring.create(first, id: newIdentifier())
        while nextName <= count {
            switch Int.random(in: 0..<10, using: &generator) {
            case 0: joinNewNode()
            case 1...3: tickOne()
            default: deliverOne()
            }
        }
    }

    /// One event; what it was when it may have changed a successor list, or made one set out.
    private mutating func churn() -> String? {
        switch Int.random(in: 0..<40, using: &generator) {
        case 0 where ring.nodes.count < 2 * limits.nodes.upperBound:
            joinNewNode()
            return nil
        case 1...3:
            return fail { ring, address in ring.drop(address) }
        case 4:
            return fail { ring, address in ring.leave(address) }
        case 5...6:
            restartOne()
            return nil
        case 7...15:
            tickOne()
            return nil
        default:
            return deliverOne()
        }
    }

    /// A failure of one member, if the proof admits it: every other member keeps a live successor, and
    /// r + 1 principals remain.
    private mutating func fail(_ how: (inout Ring, String) -> Void) -> String? {
        guard let address = randomMember() else { return nil }
        var after = ring
        how(&after, address)
        guard after.violations().isEmpty else { return nil }
        ring = after
        failures += 1
        return "the failure of \(address)"
    }

    private mutating func joinNewNode() {
        guard let via = randomMember() else { return }
        ring.join(newName(), id: newIdentifier(), via: [via])
    }

    private mutating func restartOne() {
        let down = ring.addresses.filter {
            guard let node = ring.nodes[$0] else { return false }
            return !node.isUp || node.machine.phase == .left
        }
        guard let address = down.randomElement(using: &generator), let via = randomMember() else {
            return
        }
        ring.restart(address, via: via)
    }

    private mutating func tickOne() {
        guard let address = ring.addresses.randomElement(using: &generator) else { return }
        tick(address)
    }

    private mutating func tick(_ address: String) {
        if ring.nodes[address]?.machine.phase == .notJoined {
            let contacts = randomMember().map { [$0] } ?? []
            ring.nodes[address]?.joining?.use(contacts)
        }
        ring.tick(address)
    }

    @discardableResult
    private mutating func deliverOne() -> String? {
        guard let index = ring.queue.indices.randomElement(using: &generator) else { return nil }
        let message = ring.queue[index]
        ring.deliver(at: index)
        switch message.payload {
        case .notify, .nudge, .round, .finger, .rival, .findPlace, .offer, .meet: return nil
        case .ask, .answer, .leave, .joinQuestion, .joinAnswer, .call, .callAnswer:
            return ring.text(of: message)
        }
    }

    private func newIdentifiersTaken() -> Set<Identifier> {
        Set(ring.nodes.values.map(\.reference.id))
    }

    /// Somewhere on the circle, or right beside a node that is there already.
    private mutating func newIdentifier() -> Identifier {
        let taken = newIdentifiersTaken()
        let space = ring.parameters.space
        while true {
            var id = Identifier(UInt64.random(in: 0...space.largest.word3, using: &generator))
            if Int.random(in: 0..<4, using: &generator) == 0,
                let neighbour = taken.sorted().randomElement(using: &generator)
            {
                id = space.adding(neighbour, Identifier(1))
            }
            if !taken.contains(id) { return id }
        }
    }

    private mutating func newName() -> String {
        defer { nextName += 1 }
        return "n\(nextName)"
    }

    private mutating func randomMember() -> String? {
        ring.members.map(\.reference.address).randomElement(using: &generator)
    }

    // MARK: Quiescence

    /// The rounds within which a ring of `count` nodes that are left alone must be ideal. Joins at one
    /// place sort themselves out one per round, lists lengthen by one entry per round, and then the
    /// fingers rest before their pass.
    private var bound: Int {
        2 * ring.members.count + 2 * ring.parameters.successorCount + 12
    }

    /// Ticks every node and delivers everything, in random order, until the ring is ideal; then
    /// nothing may change any more.
    private mutating func becomeIdeal() throws {
        var round = 0
        while true {
            try oneRound()
            if ring.flaws().isEmpty, isEverybodyIn { break }
            round += 1
            guard round < bound else {
                throw Fault(
                    description: "not ideal after \(round) rounds: \(ring.flaws().prefix(5))"
                )
            }
        }
        // A pass over the fingers may still clear away what no finger points to.
        for _ in 0..<5 { try oneRound() }
        let before = ring.snapshot
        for _ in 0..<5 { try oneRound() }
        guard ring.snapshot == before else {
            throw Fault(description: "an ideal ring changed: \(ring.flaws())")
        }
        try checkOwnership()
    }

    private var isEverybodyIn: Bool {
        ring.nodes.values.allSatisfy { !$0.isUp || $0.machine.phase != .notJoined }
    }

    private mutating func oneRound() throws {
        for address in ring.addresses.shuffled(using: &generator) {
            tick(address)
            for _ in 0..<Int.random(in: 0..<8, using: &generator) { deliverOne() }
        }
        for _ in 0..<20_000 {
            guard !ring.queue.isEmpty else { return }
            deliverOne()
        }
        throw Fault(description: "no end of messages")
    }

    /// Every identifier lies in one range, and lookups from everywhere name the node that has it.
    private mutating func checkOwnership() throws {
        let members = ring.members
        let ids = members.map(\.reference.id)
        let space = ring.parameters.space
        var hops = 0
        var lookups = 0
        for node in members {
            for _ in 0..<3 {
                var key = Identifier(UInt64.random(in: 0...space.largest.word3, using: &generator))
                if Bool.random(using: &generator), let id = ids.randomElement(using: &generator) {
                    key = space.adding(id, Identifier(UInt64.random(in: 0...1, using: &generator)))
                }
                let owner = Ring.owner(of: key, among: ids)
                let holders = members.filter { $0.machine.view.range.contains(key) }
                guard holders.map(\.reference.id) == [owner] else {
                    throw Fault(description: "\(key) is owned by \(holders.map(\.reference))")
                }
                let found = ring.lookUp(key, from: node.reference.address)
                guard (try? found.outcome.get())?.id == owner else {
                    throw Fault(description: "wrong: \(key) from \(ring.text(of: found))")
                }
                hops += found.path.count - 1
                lookups += 1
            }
        }
        let logarithm = Double(Int.bitWidth - members.count.leadingZeroBitCount)
        guard Double(hops) <= Double(lookups) * logarithm else {
            throw Fault(description: "\(hops) hops in \(lookups) lookups of \(members.count) nodes")
        }
    }
}
