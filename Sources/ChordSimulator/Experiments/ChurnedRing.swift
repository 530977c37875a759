// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore

/// A ring of machines whose nodes join and depart at random while the protocol runs.
///
/// Joins are a Poisson process. Departures are one too, at a rate proportional to the number of
/// nodes. The ring therefore keeps its size, and lifetimes are exponential.
final class ChurnedRing {
    /// How a node departs.
    enum Departure: Hashable {
        /// The node tells its neighbours.
        case leave
        /// The node tells nobody.
        case crash
    }

    /// The settings of a run, without the seed.
    struct Settings {
        var nodes: Int
        var successorCount: Int
        var timing = Scenario.Timing()
        var network = Scenario.Network()
        var machine = ChordMachine.Configuration()
        /// Whether the time between two rounds is exponential, as the theory assumes.
        var ticksAreMemoryless = false
        var departure = Departure.crash
        /// Joins per second, and departures per second from a ring of `nodes`.
        var rate: Double
    }

    let world: MachineWorld
    var generator: SeededGenerator
    private let settings: Settings
    /// The nodes that are up, in no order.
    private var live: [Int]
    private var nextChange: Int64 = 0

    init(_ settings: Settings, seed: UInt64) {
        self.settings = settings
        var generator = SeededGenerator(seed: seed)
        var scenario = Scenario(
            seed: seed,
            width: 64,
            successorCount: settings.successorCount,
            queryMode: settings.machine.queryMode,
            founders: (1...settings.nodes).map {
                Scenario.Founder(number: $0, id: Identifier(generator.next()))
            }
        )
        scenario.network = settings.network
        scenario.timing = settings.timing
        scenario.admitsOnly = false
        world = MachineWorld(scenario, configuration: settings.machine)
        world.walksLookups = true
        world.ticksAreMemoryless = settings.ticksAreMemoryless
        live = Array(1...settings.nodes)
        self.generator = generator
        scheduleChange()
    }

    /// The first violation that the checks found.
    var violation: Violation? { world.violation }

    /// Advances the virtual time.
    func advance(to time: Int64) {
        while nextChange <= time, violation == nil {
            _ = world.run(until: nextChange)
            change()
            scheduleChange()
        }
        _ = world.run(until: time)
    }

    /// A random member; nil if the first attempts find none.
    func member(where isWanted: (Int) -> Bool = { _ in true }) -> RoutingView? {
        for _ in 0..<1000 {
            guard let number = generator.element(of: live) else { return nil }
            guard isWanted(number) else { continue }
            if world.nodes[number].isMember { return world.nodes[number].machine.view }
        }
        return nil
    }

    /// The state that a member would answer with now.
    func view(of reference: NodeReference) -> RoutingView? {
        let node = world.nodes[MachineNode.number(of: reference)]
        return node.isMember ? node.machine.view : nil
    }

    /// The members, in the order of their identifiers.
    func members() -> [MachineNode] {
        live.map { world.nodes[$0] }.filter(\.isMember)
            .sorted { $0.reference.id < $1.reference.id }
    }

    func isMember(_ reference: NodeReference) -> Bool {
        world.nodes[MachineNode.number(of: reference)].isMember
    }

    /// A random time until the next event of a Poisson process, in nanoseconds.
    func gap(perSecond rate: Double) -> Int64 {
        Int64(-DelayDistribution.logarithm(1 - generator.fraction()) / rate * 1e9)
    }

    // MARK: Joins and departures

    private var departureRate: Double {
        settings.rate * Double(live.count) / Double(settings.nodes)
    }

    private func scheduleChange() {
        nextChange = world.now + gap(perSecond: settings.rate + departureRate)
    }

    private func change() {
        let isJoin = generator.number(in: 0...(settings.rate + departureRate)) < settings.rate
        if isJoin { join() } else { depart() }
    }

    private func join() {
        guard let contact = member() else { return }
        let number = world.nodes.count
        var id = Identifier(generator.next())
        while world.takenIds.contains(id) { id = Identifier(generator.next()) }
        world.apply(.join(number, id: id, via: MachineNode.number(of: contact.node)))
        live.append(number)
    }

    private func depart() {
        // The last few nodes stay: without them there would be no ring to measure.
        guard live.count > settings.successorCount + 1 else { return }
        let index = generator.integer(in: 0...(live.count - 1))
        let number = live[index]
        live.swapAt(index, live.count - 1)
        live.removeLast()
        let isMember = world.nodes[number].isMember
        world.apply(settings.departure == .leave && isMember ? .leave(number) : .crash(number))
    }
}
