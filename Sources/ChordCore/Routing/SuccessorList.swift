// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A node's successors: ordered clockwise, without duplicates, without the node itself, at most as
/// many as the ring's parameters say. Empty stands for "alone".
///
/// Every list is made by this type, so that none of the disorders which break the original protocol
/// (duplicates, wrapping past the owner, a list out of order) can be stored, whoever sent it.
package struct SuccessorList: Hashable, Sendable {
    /// The successors, nearest first.
    package private(set) var entries: [NodeReference]

    /// The list of a node that is alone.
    package static let empty = SuccessorList(entries: [])

    private init(entries: [NodeReference]) {
        self.entries = entries
    }

    /// The longest orderly beginning of `candidates`, seen from `owner`: it ends before the first entry
    /// that is not further clockwise than the one before, and before the owner itself.
    package init(
        of owner: Identifier,
        from candidates: some Sequence<NodeReference>,
        limit: Int
    ) {
        var entries: [NodeReference] = []
        var last = owner
        for candidate in candidates {
            guard entries.count < limit, candidate.id != owner,
                candidate.id.isBetween(last, and: owner)
            else { break }
            entries.append(candidate)
            last = candidate.id
        }
        self.init(entries: entries)
    }

    /// `head` and then `rest`: what a node writes down after its successor answered
    /// ("How to Make Chord Correct", section 4, StabilizeFromSuccessor).
    package init(
        of owner: Identifier,
        head: NodeReference,
        rest: [NodeReference],
        limit: Int
    ) {
        self.init(
            of: owner,
            from: CollectionOfOne(head).lazy.map { $0 } + rest,
            limit: limit
        )
    }

    /// The nearest successor; nil when alone.
    package var head: NodeReference? { entries.first }

    /// Whether an entry stands at `id`.
    package func contains(_ id: Identifier) -> Bool {
        entries.contains { $0.id == id }
    }

    /// The list with another one in front: the orderly beginning of `nodes`, then what this list knows
    /// beyond its end. So a list that says less than this one takes nothing away from its far end.
    func preceded(by nodes: [NodeReference], of owner: Identifier, limit: Int) -> SuccessorList {
        let front = SuccessorList(of: owner, from: nodes, limit: limit).entries
        guard let last = front.last else { return self }
        let beyond = entries.filter { $0.id.isBetween(last.id, and: owner) }
        return SuccessorList(of: owner, from: front + beyond, limit: limit)
    }

    /// Takes the entry at `id` out; the others close up.
    mutating func remove(_ id: Identifier) {
        entries.removeAll { $0.id == id }
    }

    /// Takes over a newer life (and address) of a node that is listed.
    mutating func refresh(_ reference: NodeReference) {
        guard let index = entries.firstIndex(where: { $0.id == reference.id }),
            entries[index].incarnation <= reference.incarnation
        else { return }
        entries[index] = reference
    }
}
