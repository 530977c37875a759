// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A set of roles that may call a method.
public struct Roles: OptionSet, Sendable, Hashable, CustomStringConvertible {
    /// One bit for each role.
    public let rawValue: UInt8

    /// The roles of these bits.
    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Members of the ring.
    public static let nodes = Roles(rawValue: 1)
    /// Users of the ring.
    public static let clients = Roles(rawValue: 2)
    /// Operators.
    public static let admins = Roles(rawValue: 4)
    /// All roles: every certificate of the ring.
    public static let everybody: Roles = [.nodes, .clients, .admins]

    /// Whether a role is one of them.
    public func contains(_ role: Role) -> Bool {
        switch role {
        case .node: contains(.nodes)
        case .client: contains(.clients)
        case .admin: contains(.admins)
        }
    }

    /// The roles by name, `node, admin`.
    public var description: String {
        Role.allCases.filter { contains($0) }.map(\.description).joined(separator: ", ")
    }
}
