// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

// Rings that give each node several places.

extension Ring {
    /// Where nodes stand.
    var rule: PlaceRule {
        PlaceRule { [places] node, index in
            guard let places = places[node.name], places.indices.contains(index) else {
                return node.id
            }
            return places[index]
        }
    }

    /// A node that is not a member yet stands at another of its places.
    mutating func move(_ address: String, to place: NodeReference) {
        _ = nodes[address]?.machine.move(to: place)
        sortAddresses()
    }

    /// A node that begins a ring or joins one looks for other lives of itself.
    mutating func lookForRivals(_ address: String) {
        guard let node = nodes[address] else { return }
        let places = rule.places(of: node.reference, count: parameters.placements)
        nodes[address]?.machine.look(forRivalsAt: places.map(\.id))
    }
}
