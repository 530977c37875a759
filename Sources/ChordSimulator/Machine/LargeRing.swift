// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore

/// The result of a run in which a large ring becomes ideal.
package struct LargeRingReport: Sendable, CustomStringConvertible {
    package var nodes: Int
    package var events: Int
    /// Virtual time until the ring was ideal, or until the run ended.
    package var time: Duration
    /// Memory per node when the ring was ideal, including its share of the events.
    package var bytesPerNode: Int
    package var meanHops: Double
    package var traceHash: TraceHash
    package var violation: Violation?

    package var description: String {
        "\(nodes) nodes: "
            + (violation.map(\.description) ?? "ideal after \(time.inSeconds) of virtual time")
            + ", \(events) events, \(bytesPerNode) bytes per node, "
            + "\((meanHops * 100).rounded() / 100) hops per lookup, trace \(traceHash)"
    }
}

extension MachineSimulation {
    /// Lets a large ring become ideal. Nine tenths of the nodes found it without fingers. The
    /// others join through random members within ten seconds. The whole invariant is checked each
    /// virtual second.
    ///
    /// Lookups do not travel in messages. They walk over the members' present states, and their
    /// answers arrive after the same number of delays. At this size nearly all messages would
    /// otherwise belong to finger passes.
    ///
    /// - Parameter limit: the virtual time after which the ring must be ideal.
    package static func largeRing(
        nodes count: Int,
        seed: UInt64,
        limit: Duration = .seconds(300)
    ) -> LargeRingReport {
        let world = MachineWorld(largeScenario(count, seed: seed))
        world.walksLookups = true
        while world.now < limit.nanoseconds, world.violation == nil {
            let isRunning = world.run(until: world.now + world.stabilize)
            guard isRunning, world.now >= world.scenario.healTime.nanoseconds else { continue }
            world.isHealed = true
            guard world.isEverybodyIn else { continue }
            let ring = world.snapshot()
            if IdealChecker.flaws(in: ring, limit: 1).isEmpty { break }
        }
        let ring = world.snapshot()
        world.report(.notIdeal, IdealChecker.flaws(in: ring), after: "\(limit)")
        world.report(.ownership, IdealChecker.rangeFlaws(in: ring), after: "the ring was ideal")
        let hops = world.checkLookups(ring)
        return LargeRingReport(
            nodes: ring.members.count,
            events: world.counts.events,
            time: .nanoseconds(world.now),
            bytesPerNode: world.bytes / max(1, ring.members.count),
            meanHops: hops,
            traceHash: world.hash,
            violation: world.violation
        )
    }

    private static func largeScenario(_ count: Int, seed: UInt64) -> Scenario {
        var generator = SeededGenerator(seed: seed)
        var scenario = Scenario(
            seed: seed,
            width: 64,
            successorCount: 4,
            queryMode: .delaying,
            founders: [],
            healTime: .seconds(10)
        )
        let founders = max(1, count - count / 10)
        var ids: Set<Identifier> = []
        func newIdentifier() -> Identifier {
            while true {
                let id = Identifier(generator.next())
                if ids.insert(id).inserted { return id }
            }
        }
        for number in 1...count {
            let id = newIdentifier()
            if number <= founders {
                scenario.founders.append(Scenario.Founder(number: number, id: id))
            } else {
                let time = Duration.milliseconds(generator.integer(in: Int64(0)...10_000))
                let via = generator.integer(in: 1...founders)
                scenario.faults.append(TimedFault(at: time, .join(number, id: id, via: via)))
            }
        }
        return scenario
    }
}

extension MachineWorld {
    var isEverybodyIn: Bool {
        nodes.allSatisfy { !$0.isUp || $0.isIntruder || $0.machine.phase != .notJoined }
    }

    /// The machine, and about a dozen words for its shell.
    private static let bytesOfNode = MemoryLayout<ChordMachine>.stride + 160

    /// An estimate from the layout of stored values. Allocation adds a few per cent.
    var bytes: Int {
        let reference = MemoryLayout<NodeReference>.stride
        return heap.bytes + lookups.bytes + nodes.count * Self.bytesOfNode
            + nodes.reduce(0) { sum, node in
                sum
                    + (node.machine.table.entries.capacity
                        + node.machine.successors.entries.capacity) * reference
            }
    }

    /// Lookups over an ideal ring, from every member, or from a thousand members of a large ring.
    ///
    /// - Returns: hops per lookup.
    func checkLookups(_ ring: RingSnapshot) -> Double {
        var places: [Identifier: Int] = [:]
        for (index, member) in ring.members.enumerated() { places[member.node.id] = index }
        let space = parameters.space
        var hops = 0
        var lookups = 0
        var generator = SeededGenerator(seed: scenario.seed ^ 0x6C6F_6F6B_7570)
        let starts =
            ring.members.count <= Self.trackedNodes
            ? ring.members : generator.elements(Self.trackedNodes, of: ring.members)
        for start in starts {
            for offset in UInt64(0)..<3 {
                var target = Identifier(generator.next() & space.largest.word3)
                if offset > 0, let other = generator.element(of: ring.members) {
                    // At a node's identifier, or right after it.
                    target = space.adding(other.node.id, Identifier(offset - 1))
                }
                let found = IdealChecker.lookUp(target, from: start) { reference in
                    places[reference.id].map { ring.members[$0] }
                }
                hops += found.hops
                lookups += 1
                if case .success(let owner) = found.outcome, owner == ring.owner(of: target) {
                    continue
                }
                report(
                    .lookup,
                    ["\(target) from \(start.node.name): \(found.outcome)"],
                    after: "the ring was ideal"
                )
                return Double(hops) / Double(lookups)
            }
        }
        return lookups == 0 ? 0 : Double(hops) / Double(lookups)
    }
}
