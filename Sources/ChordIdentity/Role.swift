// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The role of a certificate's holder in a ring.
public enum Role: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    /// A member: it takes part in the protocol and owns keys.
    case node
    /// A user of the ring: it looks up, walks, reads and writes, and is not a member.
    case client
    /// An operator: in addition to a client's rights, it may drain nodes, merge rings and make
    /// nodes leave.
    case admin

    /// The name in certificates and messages.
    public var description: String { rawValue }
}

/// The two sides of a connection.
package enum ConnectionSide: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    /// The side that accepted the connection.
    case server
    /// The side that dialled.
    case client

    /// The name in certificates and messages.
    package var description: String { rawValue }
}
