// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The members that a node has lost, as in Shafaat, Ghodsi and Haridi's ring unification. A node
/// that was found dead may be alive behind a partition, in a separate ring.
///
/// The list has at most ``capacity`` nodes. When it is full, the entry in the middle is dropped.
/// Half of the places therefore keep the nodes that were lost first, so that deaths during a long
/// split cannot displace all nodes that were lost at its beginning.
package struct PassiveList: Hashable, Sendable {
    /// The largest number of nodes in the list.
    package static let capacity = 64

    /// The nodes, most recently lost first.
    package private(set) var entries: [NodeReference] = []
    private var nextTurn = 0

    /// An empty list.
    package init() {}

    /// Adds a node at the front. If it is already listed, the newer life is kept: of two that stand at one
    /// identifier, the one that stays.
    package mutating func add(_ node: NodeReference) {
        if let index = entries.firstIndex(where: { $0.id == node.id }) {
            if node.outranks(entries[index]) { entries[index] = node }
            return
        }
        if entries.count == Self.capacity { entries.remove(at: Self.capacity / 2 - 1) }
        entries.insert(node, at: 0)
    }

    /// Removes a node.
    package mutating func remove(_ id: Identifier) {
        entries.removeAll { $0.id == id }
    }

    /// The next node in turn; nil if the list is empty.
    package mutating func takeTurn() -> NodeReference? {
        guard !entries.isEmpty else { return nil }
        nextTurn %= entries.count
        defer { nextTurn += 1 }
        return entries[nextTurn]
    }
}
