// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The nodes that a node can route by, sorted clockwise from it.
///
/// A finger is not stored by its number: finger i is the first entry at or after self + 2^i. So a
/// table holds each node once (log N of them rather than one per bit), and learning that a node owns
/// some identifier corrects every finger that it concerns.
public struct RoutingTable: Hashable, Sendable {
    private let owner: Identifier
    private let space: IdentifierSpace
    /// The entries, nearest clockwise first.
    public private(set) var entries: [NodeReference] = []

    /// An empty table of the node at `owner`.
    public init(owner: Identifier, space: IdentifierSpace) {
        self.owner = owner
        self.space = space
    }

    /// Where finger `exponent` points: the first entry at or after self + 2^exponent; nil where that is
    /// the node itself.
    public func finger(_ exponent: Int) -> NodeReference? {
        let target = space.adding(owner, powerOfTwo: exponent)
        let index = firstIndex(atLeast: space.distance(from: owner, to: target))
        return index < entries.count ? entries[index] : nil
    }

    /// Adds a node, or takes over a newer life of one that is there. Nodes of another make have no count of
    /// their lives: of two of those the one that is heard of last counts.
    public mutating func insert(_ node: NodeReference) {
        guard node.id != owner else { return }
        let index = firstIndex(atLeast: space.distance(from: owner, to: node.id))
        if index < entries.count, entries[index].id == node.id {
            if entries[index].incarnation <= node.incarnation { entries[index] = node }
        } else {
            entries.insert(node, at: index)
        }
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
    public mutating func remove(_ id: Identifier) {
        entries.removeAll { $0.id == id }
    }

    /// Takes out what lies strictly between two identifiers, clockwise; with both the same, everything
    /// else.
    public mutating func removeAll(between start: Identifier, and end: Identifier) {
        entries.removeAll { $0.id.isBetween(start, and: end) }
    }

    /// The entries clockwise after the node and not past `id`, nearest to `id` first.
    public func preceding(_ id: Identifier) -> ReversedCollection<ArraySlice<NodeReference>> {
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
