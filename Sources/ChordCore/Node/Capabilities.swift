// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// What a node's program can do, as it tells its neighbours.
///
/// A ring may hold nodes of two versions, as its nodes are replaced one after the other. A node uses a
/// feature towards others only where all that are concerned have named it.
package struct Capabilities: Hashable, Sendable {
    /// The name of a feature. The set of names is open: other versions know other names.
    package struct Feature: Hashable, Sendable, Comparable, CustomStringConvertible {
        /// The name on the wire.
        package let name: String

        /// The feature of a name.
        package init(_ name: String) {
            self.name = name
        }

        /// Nodes stand at one of several places: ``NodeReference/placeIndex``.
        package static let placements = Feature("placements")
        /// A Leave says whether the node comes back: ``LeaveNotice/Intent``.
        package static let leaveIntent = Feature("leave-intent")
        /// References say which nodes hold a part of the store, and the ring's parameters which store it is.
        package static let storeMembers = Feature("store-members")
        /// A member tells its head of its claim on its range, and a head takes the range over in two steps:
        /// ``RangeClaim``.
        package static let rangeClaims = Feature("range-claims")

        package static func < (left: Feature, right: Feature) -> Bool { left.name < right.name }

        package var description: String { name }
    }

    /// The version of the native contract (docs/compatibility.md).
    package var version: Int
    /// The features that the program has.
    package var features: Set<Feature>

    /// Capabilities from their parts.
    package init(version: Int, features: Set<Feature>) {
        self.version = version
        self.features = features
    }

    /// Programs of version 0.1.0, which name none.
    package static let first = Capabilities(version: 1, features: [])
    /// This program's own.
    package static let own = Capabilities(
        version: 2,
        features: [.placements, .leaveIntent, .storeMembers, .rangeClaims]
    )

    /// The older version and the common features.
    package func intersection(_ other: Capabilities) -> Capabilities {
        Capabilities(
            version: min(version, other.version),
            features: features.intersection(other.features)
        )
    }
}

/// The capabilities of the nodes that this node has exchanged them with.
///
/// A program is that of a process, so a node counts by its address: founders speak to each other before they
/// take their places. The table is bounded by its user: it keeps the nodes that the user still knows.
package struct CapabilityTable: Hashable, Sendable {
    private struct Entry: Hashable {
        var incarnation: UInt64
        var capabilities: Capabilities
    }

    private var entries: [String: Entry] = [:]

    /// An empty table.
    package init() {}

    /// A node has said what it can do. The capabilities of a former life are replaced; those of a later life
    /// stay.
    ///
    /// - Returns: whether they were not known before.
    @discardableResult
    package mutating func record(_ capabilities: Capabilities, of node: NodeReference) -> Bool {
        if let known = entries[node.address], known.incarnation > node.incarnation { return false }
        let entry = Entry(incarnation: node.incarnation, capabilities: capabilities)
        return entries.updateValue(entry, forKey: node.address)?.capabilities != capabilities
    }

    /// Forgets all nodes but these.
    package mutating func keep(only nodes: some Sequence<NodeReference>) {
        let addresses = Set(nodes.lazy.map(\.address))
        entries = entries.filter { addresses.contains($0.key) }
    }

    /// The number of nodes in the table.
    package var count: Int { entries.count }

    /// What a node can do; nil if it has not said so.
    package func capabilities(of node: NodeReference) -> Capabilities? {
        guard let entry = entries[node.address], entry.incarnation == node.incarnation else {
            return nil
        }
        return entry.capabilities
    }

    /// What this node and all of these can do. A node that has not said anything counts as one of the first
    /// version.
    package func common(with nodes: some Sequence<NodeReference>) -> Capabilities {
        nodes.reduce(.own) { $0.intersection(capabilities(of: $1) ?? .first) }
    }
}
