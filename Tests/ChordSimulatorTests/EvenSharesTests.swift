// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordTestSupport
import Testing

@testable import ChordSimulator

/// Shares of the circle in rings whose nodes join by the protocol, one after the other.
@Suite(.tags(.simulation), .ownThreads) struct EvenSharesTests {
    private static let placements = 16

    /// Shares of the circle as multiples of their mean.
    private func shares(nodes: Int, ring number: Int) -> [Double] {
        let interval = Duration.milliseconds(500)
        // The places of a node follow from its number, so that each ring has other numbers.
        let numbers = (1...nodes).map { number * nodes + $0 }
        var generator = SeededGenerator(seed: UInt64(number))
        var scenario = Scenario(
            seed: UInt64(number),
            width: 64,
            successorCount: 4,
            queryMode: .answering,
            founders: [Scenario.Founder(number: numbers[0], id: Identifier(generator.next()))]
        )
        scenario.birth = .grown
        scenario.placements = Self.placements
        scenario.network.delay = .fixed(.milliseconds(5))
        scenario.faults = numbers.dropFirst().enumerated().map { index, joiner in
            TimedFault(
                at: interval * (index + 1),
                .join(joiner, id: Identifier(generator.next()), via: numbers[0])
            )
        }
        scenario.healTime = interval * (nodes + 10)
        let world = MachineWorld(scenario)
        #expect(world.run(until: scenario.healTime.nanoseconds))
        let ring = world.snapshot().members.map(\.node)
        #expect(ring.count == nodes)
        #expect(world.placeFlaws(in: world.snapshot()).isEmpty)
        let ids = ring.map(\.id).sorted()
        return ids.indices.map { index in
            world.parameters.space.fraction(
                from: ids[(index + ids.count - 1) % ids.count],
                to: ids[index]
            ) * Double(ids.count)
        }
    }

    /// The figures are those of the model, means of 20 rings (``ShareEvenness``).
    @Test(
        "The largest and the smallest share are within 15 % of the model's",
        .timeLimit(.minutes(3)),
        arguments: [(7, 1.5, 0.68, 20), (100, 1.8, 0.48, 5)]
    )
    func evenShares(nodes: Int, largest: Double, smallest: Double, rings: Int) {
        let all = (1...rings).map { shares(nodes: nodes, ring: $0) }
        func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
        let found = (mean(all.compactMap { $0.max() }), mean(all.compactMap { $0.min() }))
        #expect(abs(found.0 - largest) < 0.15 * largest, "\(found)")
        #expect(abs(found.1 - smallest) < 0.15 * smallest, "\(found)")
    }
}
