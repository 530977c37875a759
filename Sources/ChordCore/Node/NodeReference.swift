// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

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

    /// A reference from its parts.
    public init(id: Identifier, name: String, address: String, incarnation: UInt64) {
        self.id = id
        self.name = name
        self.address = address
        self.incarnation = incarnation
    }

    /// The name and the address: what a log line needs.
    public var description: String { "\(name)@\(address)" }
}
