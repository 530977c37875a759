// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordCommandLine

// The JSON forms of the ring's values, the same for all commands.

extension JSON {
    /// A node, in a ring whose identifiers have `width` bits.
    static func node(_ node: NodeReference, width: Int) -> JSON {
        .object(members(of: node, width: width))
    }

    /// Nodes in their order.
    static func nodes(_ nodes: [NodeReference], width: Int) -> JSON {
        .array(nodes.map { node($0, width: width) })
    }

    /// The members of a node's object, for objects with more members.
    static func members(of node: NodeReference, width: Int) -> [(String, JSON)] {
        let domain = node.failureDomain
        return [
            ("name", .string(node.name)), ("address", .string(node.address)),
            ("id", .string(node.id.hexadecimal(width: width))),
            ("place", .integer(node.placeIndex)),
        ] + (domain.isEmpty ? [] : [("failure_domain", .string(domain))])
    }

    /// The ring's parameters.
    static func ring(_ parameters: RingParameters) -> JSON {
        .object([
            ("name", .string(parameters.ring)), ("hash", .string(parameters.hash)),
            ("width", .integer(parameters.space.width)),
            ("id_from", .string(parameters.rule.rawValue)),
            ("list_length", .integer(parameters.successorCount)),
            ("placements", .integer(parameters.placements)),
        ])
    }

    /// A time, in milliseconds.
    static func time(_ duration: Duration) -> JSON { .number(duration.milliseconds, digits: 3) }

    /// The identifiers after one bound, up to and with the other.
    static func range(_ range: IdentifierRange, width: Int) -> JSON {
        .object([
            ("after", .string(range.lowerBound.hexadecimal(width: width))),
            ("through", .string(range.upperBound.hexadecimal(width: width))),
        ])
    }
}
