// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// Balanced places. With one hashed place for each node the largest share of the circle is about ln N times the
// mean. A ring may give each node k places instead, of which the node takes one: the place whose smaller side
// is largest. The index of the place is part of the node's reference, and every receiver computes the
// place anew, so that a node has k places to choose from and not the whole circle.

/// Where a ring's rule puts nodes.
package struct PlaceRule: Sendable {
    private let identifier: @Sendable (NodeReference, Int) -> Identifier

    /// A rule from the identifier of a node at an index.
    package init(
        identifier: @escaping @Sendable (_ node: NodeReference, _ index: Int) -> Identifier
    ) {
        self.identifier = identifier
    }

    /// The rule of rings in which nodes stand where they say: those of tests and simulations.
    package static let credulous = PlaceRule { node, _ in node.id }

    /// The text whose hash is a node's place: the name or address at index 0, as in rings with one place, and
    /// else the same with a zero byte and the index in decimal digits. Names and addresses have no zero
    /// byte, so the texts of two nodes always differ.
    package static func text(_ text: String, index: Int) -> String {
        index == 0 ? text : "\(text)\0\(index)"
    }

    /// A node at one of its places.
    package func node(_ node: NodeReference, at index: Int) -> NodeReference {
        var placed = node
        placed.id = identifier(node, index)
        placed.placeIndex = index
        return placed
    }

    /// A node at each of its places.
    package func places(of node: NodeReference, count: Int) -> [NodeReference] {
        (0..<count).map { self.node(node, at: $0) }
    }

    /// Whether a node stands at one of its places.
    package func isPlaced(_ node: NodeReference, count: Int) -> Bool {
        (0..<count).contains(node.placeIndex) && identifier(node, node.placeIndex) == node.id
    }

    // MARK: Choosing

    /// A place that a node may take, and the nodes around it.
    package struct Candidate: Hashable, Sendable {
        /// The index of the place.
        package var index: Int
        /// The place.
        package var id: Identifier
        /// The node before the place.
        package var before: Identifier
        /// The node after the place; the one before where that is alone.
        package var after: Identifier

        /// A candidate from its parts.
        package init(index: Int, id: Identifier, before: Identifier, after: Identifier) {
            self.index = index
            self.id = id
            self.before = before
            self.after = after
        }

        /// The smaller of the two arcs into which the place divides the arc around it.
        fileprivate func smallerSide(in space: IdentifierSpace) -> Identifier {
            min(space.distance(from: before, to: id), space.distance(from: id, to: after))
        }
    }

    /// The place whose smaller side is largest; of equal ones that of the lowest index. Nil if there is none,
    /// or each has a node on it already.
    package static func best(of candidates: [Candidate], in space: IdentifierSpace) -> Candidate? {
        var best: (candidate: Candidate, side: Identifier)?
        for candidate in candidates.sorted(by: { $0.index < $1.index }) {
            let side = candidate.smallerSide(in: space)
            guard side != .zero, best.map({ side > $0.side }) ?? true else { continue }
            best = (candidate, side)
        }
        return best?.candidate
    }

    /// The places of nodes that begin a ring together. Each of them computes the same ones from the same
    /// nodes, and need not be told: in the order of their names, each takes its best place among those before
    /// it. A node without a free place gets the first.
    package func places(
        ofFounders founders: [NodeReference],
        count: Int,
        in space: IdentifierSpace
    ) -> [NodeReference] {
        var ring: [Identifier] = []
        return founders.sorted { ($0.name, $0.address) < ($1.name, $1.address) }.map { founder in
            let places = places(of: founder, count: count)
            let taken = ring
            let candidates = places.map { place in
                let next = Self.position(of: place.id, in: taken)
                return Candidate(
                    index: place.placeIndex,
                    id: place.id,
                    before: taken.isEmpty
                        ? place.id : taken[(next + taken.count - 1) % taken.count],
                    after: taken.isEmpty ? place.id : taken[next % taken.count]
                )
            }
            let best = taken.isEmpty ? nil : Self.best(of: candidates, in: space)
            let place = places[best?.index ?? 0]
            ring.insert(place.id, at: Self.position(of: place.id, in: ring))
            return place
        }
    }

    /// The number of identifiers in a sorted list that are below another.
    private static func position(of id: Identifier, in sorted: [Identifier]) -> Int {
        var (low, high) = (0, sorted.count)
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle] < id { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension NodeReference {
    /// Whether this is a newer life of a node's name than `other`. Of two lives with one incarnation the one with
    /// the higher identifier or address counts as the newer, so that one of them stops.
    package func outranks(_ other: NodeReference) -> Bool {
        (incarnation, id, address) > (other.incarnation, other.id, other.address)
    }
}
