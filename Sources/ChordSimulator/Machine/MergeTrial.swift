// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore

/// Measures how several ideal rings of one name merge after one node hears of one node of each
/// other ring. Or, how a single ring reacts if its node hears of a node of the same ring. It
/// measures the time until there is one ideal ring, and the messages.
///
/// Lookups walk over the members' present states, and count as the messages that they would need. A
/// message takes 5 to 15 ms.
package struct MergeTrial: Sendable {
    package var nodes: Int
    package var parts: Int
    package var fanout: Int
    package var seed: UInt64

    package init(nodes: Int, parts: Int, fanout: Int, seed: UInt64) {
        self.nodes = nodes
        self.parts = parts
        self.fanout = fanout
        self.seed = seed
    }

    /// The result of a trial.
    package struct Result: Sendable {
        /// Virtual time until all lists and predecessors were right; nil if they were not in time.
        package var time: Duration?
        /// The same, with all fingers.
        package var timeWithFingers: Duration?
        /// The number of all messages until lists and predecessors were right.
        package var messages: Int
        /// The number of messages for merging: offers, Meet messages, and lookups of places.
        package var mergeMessages: Int
    }

    /// The time after which the rings should have merged.
    private static let limit: Int64 = 600_000_000_000
    private static let step: Int64 = 100_000_000

    /// Runs the trial.
    package func run() -> Result {
        let world = makeWorld()
        let rings = (0..<parts).map { part in
            stride(from: part + 1, through: nodes, by: parts).map { $0 }
        }
        for ring in rings { found(ring, in: world) }
        // Maintenance runs everywhere before the rings meet.
        _ = world.run(until: 3 * world.stabilize)
        let start = world.now
        let before = world.counts
        for ring in rings.dropFirst() {
            let contact = world.nodes[ring[ring.count / 2]].reference
            world.perform(rings[0][0]) { $0.merge(with: contact) }
        }
        if parts == 1, let other = rings[0].last {
            let contact = world.nodes[other].reference
            world.perform(rings[0][0]) { $0.merge(with: contact) }
        }
        var result = Result(messages: 0, mergeMessages: 0)
        while world.now - start < Self.limit, result.timeWithFingers == nil {
            _ = world.run(until: world.now + Self.step)
            let ring = world.snapshot()
            if result.time == nil {
                guard IdealChecker.hasRightNeighbours(ring) else { continue }
                result.time = .nanoseconds(world.now - start)
                result.messages = world.counts.messages - before.messages
                result.mergeMessages = world.counts.mergeMessages - before.mergeMessages
            }
            if IdealChecker.flaws(in: ring, limit: 1).isEmpty {
                result.timeWithFingers = .nanoseconds(world.now - start)
            }
        }
        return result
    }

    /// Messages per node and second in an undisturbed single ring: all, and those for merging.
    package func quiet() -> (all: Double, merging: Double) {
        let world = makeWorld()
        found(Array(1...nodes), in: world)
        _ = world.run(until: 20 * world.stabilize)
        let before = world.counts
        let rounds = 60
        _ = world.run(until: world.now + Int64(rounds) * world.stabilize)
        let share = Double(nodes * rounds)
        return (
            Double(world.counts.messages - before.messages) / share,
            Double(world.counts.mergeMessages - before.mergeMessages) / share
        )
    }

    private func makeWorld() -> MachineWorld {
        var scenario = Scenario(
            seed: seed,
            width: 64,
            successorCount: 4,
            queryMode: .answering,
            founders: [],
            healTime: .zero
        )
        scenario.network.delay = .uniform(from: .milliseconds(5), to: .milliseconds(15))
        // The proof does not cover merging rings.
        scenario.admitsOnly = false
        var merging = ChordMachine.MergeSettings()
        merging.fanout = fanout
        var configuration = ChordMachine.Configuration()
        configuration.merging = merging
        let world = MachineWorld(scenario, configuration: configuration)
        world.walksLookups = true
        var generator = SeededGenerator(seed: seed)
        for number in 1...nodes { world.add(number, id: Identifier(generator.next())) }
        return world
    }

    /// Makes an ideal ring of some nodes, with fingers.
    private func found(_ numbers: [Int], in world: MachineWorld) {
        let ring = numbers.map { world.nodes[$0].reference }.sorted { $0.id < $1.id }
        let ids = ring.map(\.id)
        let space = world.parameters.space
        for (index, node) in ring.enumerated() {
            var known = Set(
                (0...world.scenario.successorCount).map { (index + $0) % ring.count }
                    + [(index + ring.count - 1) % ring.count]
            )
            for exponent in 0..<space.width {
                let target = space.adding(node.id, powerOfTwo: exponent)
                known.insert(LookupAuditor.firstIndex(atLeast: target, in: ids) % ring.count)
            }
            let number = MachineNode.number(of: node)
            _ = world.nodes[number].machine.found(with: known.sorted().map { ring[$0] })
            world.becameMember(number)
        }
    }
}
