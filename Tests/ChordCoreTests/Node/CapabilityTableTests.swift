// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordTestSupport
import Testing

@Suite(.tags(.unit)) struct CapabilityTableTests {
    private static func node(_ id: UInt64, life: UInt64 = 1) -> NodeReference {
        NodeReference(id: Identifier(id), name: "n\(id)", address: "h:\(id)", incarnation: life)
    }

    private let later = Capabilities(
        version: 3,
        features: Capabilities.own.features.union([Capabilities.Feature("later")])
    )

    @Test("A feature counts where all neighbours have it; silence counts as the first version")
    func common() {
        var table = CapabilityTable()
        let (first, second) = (Self.node(1), Self.node(2))
        #expect(table.common(with: []) == .own)
        #expect(table.common(with: [first]) == .first)
        table.record(later, of: first)
        #expect(table.common(with: [first]) == .own)
        #expect(table.common(with: [first, second]) == .first)
        let placements = Capabilities(version: 2, features: [.placements])
        table.record(placements, of: second)
        #expect(table.common(with: [first, second]) == placements)
    }

    @Test("Another life of a node may have another program")
    func lives() {
        var table = CapabilityTable()
        let isNew = table.record(.own, of: Self.node(1, life: 5))
        let isNewAgain = table.record(.own, of: Self.node(1, life: 5))
        #expect(isNew && !isNewAgain)
        #expect(table.capabilities(of: Self.node(1, life: 6)) == nil)
        table.record(later, of: Self.node(1, life: 6))
        #expect(table.capabilities(of: Self.node(1, life: 6)) == later)
        // A message of the former life that was late.
        table.record(.own, of: Self.node(1, life: 5))
        #expect(table.capabilities(of: Self.node(1, life: 6)) == later)
    }

    @Test("A founder that takes its place keeps its capabilities")
    func places() {
        var table = CapabilityTable()
        var founder = Self.node(1)
        table.record(.own, of: founder)
        founder.id = Identifier(7)
        founder.placeIndex = 2
        #expect(table.common(with: [founder]) == .own)
    }

    @Test("Nodes that are not known any more are forgotten")
    func bound() {
        var table = CapabilityTable()
        for id in 1...5 { table.record(.own, of: Self.node(UInt64(id))) }
        table.keep(only: [Self.node(2), Self.node(9)])
        #expect(table.count == 1)
        #expect(table.capabilities(of: Self.node(2)) == .own)
        #expect(table.capabilities(of: Self.node(3)) == nil)
    }
}
