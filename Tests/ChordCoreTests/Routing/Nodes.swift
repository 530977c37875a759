// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore

/// Short ways to make nodes for tests, each named after its identifier.
enum Nodes {
    static func node(_ id: UInt64, life: UInt64 = 1) -> NodeReference {
        NodeReference(
            id: Identifier(id),
            name: "n\(id)",
            address: "n\(id):1",
            incarnation: life
        )
    }

    static func nodes(_ ids: UInt64...) -> [NodeReference] { ids.map { node($0) } }

    /// Distinct identifiers below 2^width, in random order.
    static func distinct(
        _ count: Int,
        width: Int,
        using generator: inout SeededGenerator
    ) -> [UInt64] {
        var ids: [UInt64] = []
        while ids.count < count {
            let id = UInt64.random(in: 0..<(1 << UInt64(width)), using: &generator)
            if !ids.contains(id) { ids.append(id) }
        }
        return ids
    }

    static func parameters(width: Int, successorCount: Int = 4) throws -> RingParameters {
        RingParameters(
            ring: "test",
            hash: "none",
            probe: .zero,
            space: try IdentifierSpace(width: width),
            rule: .name,
            successorCount: successorCount
        )
    }
}
