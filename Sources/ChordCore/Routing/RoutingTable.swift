// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The nodes that a node can route by, sorted clockwise from it.
///
/// A finger is not stored by its number: finger i is the first entry at or after self + 2^i. So a
/// table holds each node once (log N of them rather than one per bit), and learning that a node owns
/// some identifier corrects every finger that it concerns.
package struct RoutingTable: Hashable, Sendable {
    private let owner: Identifier
    private let space: IdentifierSpace
    /// The entries, nearest clockwise first.
    package private(set) var entries: [NodeReference] = []

    /// An empty table of the node at `owner`.
    package init(owner: Identifier, space: IdentifierSpace) {
        self.owner = owner
        self.space = space
    }

    /// Where finger `exponent` points: the first entry at or after self + 2^exponent; nil where that is
    /// the node itself.
    package func finger(_ exponent: Int) -> NodeReference? {
        let target = space.adding(owner, powerOfTwo: exponent)
        let index = firstIndex(atLeast: space.distance(from: owner, to: target))
        return index < entries.count ? entries[index] : nil
    }

    /// Adds a node that another node named, or takes over a newer life of one that is listed at the same
    /// address.
    ///
    /// Hearsay never moves an entry to another address: a peer could name any address with the highest
    /// incarnation. A node that really moved is listed anew after a call to its old address failed.
    package mutating func insert(_ node: NodeReference) {
        guard let index = index(of: node) else { return add(node) }
        if entries[index].address == node.address, entries[index].name == node.name,
            entries[index].incarnation < node.incarnation
        {
            entries[index] = node
        }
    }

    /// Takes what a node said of itself, if it is listed: that replaces whatever others said of it.
    mutating func refresh(verified node: NodeReference) {
        if let index = index(of: node) { entries[index] = node }
    }

    /// Whether the node is listed, and otherwise than it says of itself.
    func differs(from node: NodeReference) -> Bool {
        index(of: node).map { entries[$0] != node } ?? false
    }

    private func index(of node: NodeReference) -> Int? {
        let index = firstIndex(atLeast: space.distance(from: owner, to: node.id))
        return index < entries.count && entries[index].id == node.id ? index : nil
    }

    private mutating func add(_ node: NodeReference) {
        guard node.id != owner else { return }
        entries.insert(node, at: firstIndex(atLeast: space.distance(from: owner, to: node.id)))
    }

    /// Takes a successor list over: as far as it reaches, it knows better than the table what there is
    /// between its entries, which is nothing.
    ///
    /// - Returns: the entries that are not in this ring any more, by what the list says.
    mutating func take(over successors: SuccessorList) -> [NodeReference] {
        guard let last = successors.entries.last else { return [] }
        var gone: [NodeReference] = []
        entries.removeAll { entry in
            guard entry.id.isIn(after: owner, through: last.id), !successors.contains(entry.id)
            else { return false }
            gone.append(entry)
            return true
        }
        for successor in successors.entries { insert(successor) }
        return gone
    }

    /// Takes a node out.
    package mutating func remove(_ id: Identifier) {
        entries.removeAll { $0.id == id }
    }

    /// Takes out what lies strictly between two identifiers, clockwise; with both the same, everything
    /// else.
    package mutating func removeAll(between start: Identifier, and end: Identifier) {
        entries.removeAll { $0.id.isBetween(start, and: end) }
    }

    /// The entries clockwise after the node and not past `id`, nearest to `id` first.
    package func preceding(_ id: Identifier) -> ReversedCollection<ArraySlice<NodeReference>> {
        let distance = space.distance(from: owner, to: id)
        // The whole way round: every entry precedes the node's own identifier.
        if distance == .zero { return entries[...].reversed() }
        var end = firstIndex(atLeast: distance)
        if end < entries.count, entries[end].id == id { end += 1 }
        return entries[..<end].reversed()
    }

    /// The index of the first entry that is `distance` or more away.
    private func firstIndex(atLeast distance: Identifier) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if space.distance(from: owner, to: entries[middle].id) < distance {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }
}
