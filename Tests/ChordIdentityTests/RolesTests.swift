// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordTestSupport
import Testing

@Suite(.tags(.unit)) struct RolesTests {
    private static let sets: [(Roles, [Role])] = [
        (.nodes, [.node]), (.clients, [.client]), (.admins, [.admin]),
        ([.nodes, .admins], [.node, .admin]), (.everybody, Role.allCases), ([], []),
    ]

    @Test(arguments: sets)
    func setContainsItsRolesAndNoOther(_ roles: Roles, _ contained: [Role]) {
        for role in Role.allCases { #expect(roles.contains(role) == contained.contains(role)) }
        #expect(roles.description == contained.map(\.rawValue).joined(separator: ", "))
    }

    @Test func errorsReadAsCodeAndMessage() {
        let error = IdentityError(.wrongRole, "no")
        #expect(error.description == "wrongRole: no")
    }
}
