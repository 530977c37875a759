// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord

// The ring's values, the same in every command's JSON.

extension JSON {
    /// A node, in a ring whose identifiers have `width` bits.
    static func node(_ node: NodeReference, width: Int) -> JSON {
        .object([
            ("name", .string(node.name)), ("address", .string(node.address)),
            ("id", .string(node.id.hexadecimal(width: width))),
        ])
    }

    /// Nodes in their order.
    static func nodes(_ nodes: [NodeReference], width: Int) -> JSON {
        .array(nodes.map { node($0, width: width) })
    }

    /// The identifiers after one bound, up to and with the other.
    static func range(_ range: IdentifierRange, width: Int) -> JSON {
        .object([
            ("after", .string(range.lowerBound.hexadecimal(width: width))),
            ("through", .string(range.upperBound.hexadecimal(width: width))),
        ])
    }
}
