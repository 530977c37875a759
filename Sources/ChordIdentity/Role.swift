// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// What a certificate's holder is to a ring.
public enum Role: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    /// A member: takes part in the protocol and owns keys.
    case node
    /// A user of the ring: looks up, walks, reads and writes, but is no member.
    case client
    /// An operator: what a client may do, and also drain, merge and make leave.
    case admin

    /// The name as it is written in certificates and messages.
    public var description: String { rawValue }
}

/// The two sides of a connection.
package enum ConnectionSide: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    /// The side that accepted the connection.
    case server
    /// The side that dialled.
    case client

    /// The name as it is written in certificates and messages.
    package var description: String { rawValue }
}
