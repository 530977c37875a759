// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordBase

/// What one node knows of another: where it stands on the ring, what it is called, where it listens,
/// and in which of its lives.
public struct NodeReference: Hashable, Sendable, CustomStringConvertible {
    /// The node's position on the ring.
    public var id: Identifier
    /// The name in the node's certificate.
    public var name: String
    /// Where it listens, as `host:port`.
    public var address: String
    /// Which life of the node this is: milliseconds since 1970 at its start, or more. Of two
    /// references to one name the one with the higher incarnation is the newer.
    public var incarnation: UInt64
    /// Which of the places that the ring's rule gives to the node it stands at: 0 is the hash of its name.
    public var placeIndex = 0
    /// The disk on which the node holds a part of the ring's store; nil if it holds none.
    package var disk: DiskID?
    /// What the node fails together with, such as its rack; empty if not known.
    public var failureDomain = ""

    /// A reference from its parts; the node stands at the place of index 0.
    public init(id: Identifier, name: String, address: String, incarnation: UInt64) {
        self.id = id
        self.name = name
        self.address = address
        self.incarnation = incarnation
    }

    /// The length of a failure domain's text in bytes of UTF-8, where there is one.
    package static let failureDomainBytes = 1...64

    /// Whether two references name one life of one node, whatever else they say of it. Nodes of version 1 pass
    /// references on without disk and failure domain, so only this may decide what a node does.
    package func isSameLife(as other: NodeReference) -> Bool {
        id == other.id && name == other.name && address == other.address
            && incarnation == other.incarnation
    }

    /// The name and the address: what a log line needs.
    public var description: String { "\(name)@\(address)" }
}
