// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The members that a node has lost, as in Shafaat, Ghodsi and Haridi's ring unification: a node that was
/// found dead may be alive behind a partition, in a ring of its own.
///
/// It holds ``capacity`` nodes at the most. When it is full, the one in the middle makes room: half of
/// the places are for those that were lost first, so that deaths during a long split cannot push out all
/// nodes that were lost when it began.
package struct PassiveList: Hashable, Sendable {
    /// The most nodes that it holds.
    package static let capacity = 64

    /// The nodes, last lost first.
    package private(set) var entries: [NodeReference] = []
    private var nextTurn = 0

    /// An empty list.
    package init() {}

    /// Adds a node, in front; of one that is there already the newer life is kept.
    package mutating func add(_ node: NodeReference) {
        if let index = entries.firstIndex(where: { $0.id == node.id }) {
            if entries[index].incarnation < node.incarnation { entries[index] = node }
            return
        }
        if entries.count == Self.capacity { entries.remove(at: Self.capacity / 2 - 1) }
        entries.insert(node, at: 0)
    }

    /// Takes a node out.
    package mutating func remove(_ id: Identifier) {
        entries.removeAll { $0.id == id }
    }

    /// The node whose turn it is: each in turn. Nil when no member is lost.
    package mutating func takeTurn() -> NodeReference? {
        guard !entries.isEmpty else { return nil }
        nextTurn %= entries.count
        defer { nextTurn += 1 }
        return entries[nextTurn]
    }
}
