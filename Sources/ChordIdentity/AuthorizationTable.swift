// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Which role may call which method: the one table that every server asks.
package struct AuthorizationTable: Sendable, Hashable {
    /// The table's answer.
    package enum Decision: Sendable, Hashable {
        /// The role may call the method.
        case allowed
        /// The method is known and the role may not call it.
        case denied
        /// The table does not know the method. It must not be served; the router answers that it is
        /// unimplemented, so that nobody learns more from a refusal than from a typing mistake.
        case unknownMethod
    }

    private var rolesByMethod: [String: Set<Role>]

    /// Makes a table of full method paths (`/chord.v1.ChordService/Notify`) and the roles admitted.
    package init(_ rolesByMethod: [String: Set<Role>] = [:]) {
        self.rolesByMethod = rolesByMethod
    }

    /// The table of this project's own services.
    package static let standard: AuthorizationTable = {
        let everybody = Set(Role.allCases)
        return AuthorizationTable()
            .admitting(
                [.node],
                to: ["Notify", "Leave", "Found", "Meet", "Probe"],
                of: "chord.v1.ChordService"
            )
            .admitting(
                everybody,
                to: ["FindSuccessor", "GetPredecessor", "GetSuccessorList"],
                of: "chord.v1.ChordService"
            )
            .admitting([.node], to: ["Notify"], of: "concord.ChordService")
            .admitting(everybody, to: ["FindSuccessor", "GetRing"], of: "concord.ChordService")
            .admitting(everybody, to: ["Describe", "Watch"], of: "chord.v1.AdminService")
            .admitting([.admin], to: ["Leave", "Merge", "Drain"], of: "chord.v1.AdminService")
            .admitting(everybody, to: ["Check", "Watch"], of: "grpc.health.v1.Health")
            .admitting(
                everybody,
                to: ["ServerReflectionInfo"],
                of: "grpc.reflection.v1.ServerReflection"
            )
            .admitting(
                everybody,
                to: ["ServerReflectionInfo"],
                of: "grpc.reflection.v1alpha.ServerReflection"
            )
    }()

    /// The table with more methods in it; a method that it held before gets the new roles.
    ///
    /// - Parameters:
    ///   - roles: Who may call the methods.
    ///   - methods: The names of the methods.
    ///   - service: The full name of their service, package included.
    package func admitting(
        _ roles: Set<Role>,
        to methods: [String],
        of service: String
    ) -> AuthorizationTable {
        var table = self
        for method in methods {
            table.rolesByMethod["/\(service)/\(method)"] = roles
        }
        return table
    }

    /// Whether a role may call a method.
    ///
    /// - Parameters:
    ///   - role: The caller's role.
    ///   - method: The method's path, `/package.Service/Method`, compared exactly.
    package func allows(_ role: Role, method: String) -> Decision {
        guard let roles = rolesByMethod[method] else { return .unknownMethod }
        return roles.contains(role) ? .allowed : .denied
    }

    /// The roles that may call a method, for a router that asks once per method and not per call;
    /// nil where the table does not know the method.
    package func roles(admittedTo method: String) -> Set<Role>? {
        rolesByMethod[method]
    }
}
