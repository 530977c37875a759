// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import NIOConcurrencyHelpers

/// Nodes that were found to be at the identifier that the ring's rule gives them. Answers name the
/// same few nodes again and again, and a table lookup is cheaper than a hash.
final class PlacedNodes: Sendable {
    private struct Node: Hashable {
        let name: String
        let address: String
        let index: Int
    }

    /// The number of remembered nodes. If it is exceeded, all are forgotten.
    private static let capacity = 4096

    private let nodes = NIOLockedValueBox<[Identifier: Node]>([:])

    /// Whether a node is at its right identifier, as remembered or as found now.
    func contains(_ node: NodeReference, isPlaced: () -> Bool) -> Bool {
        let known = nodes.withLockedValue { $0[node.id] }
        let value = Node(name: node.name, address: node.address, index: node.placeIndex)
        let node = (id: node.id, value: value)
        if known == node.value { return true }
        guard isPlaced() else { return false }
        nodes.withLockedValue { nodes in
            if nodes.count >= Self.capacity { nodes.removeAll(keepingCapacity: true) }
            nodes[node.id] = node.value
        }
        return true
    }
}
