// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordTestSupport
import Testing

@Suite(.tags(.unit)) struct AuthorizationTableTests {
    /// The complete table, so that a change of permissions must be made here too.
    static let rows: [(String, node: Bool, client: Bool, admin: Bool)] = [
        ("/chord.v1.ChordService/FindSuccessor", true, true, true),
        ("/chord.v1.ChordService/GetPredecessor", true, true, true),
        ("/chord.v1.ChordService/GetSuccessorList", true, true, true),
        ("/chord.v1.ChordService/Notify", true, false, false),
        ("/chord.v1.ChordService/Leave", true, false, false),
        ("/chord.v1.ChordService/Meet", true, false, false),
        ("/chord.v1.ChordService/Probe", true, false, false),
        ("/chord.v1.AdminService/Describe", true, true, true),
        ("/chord.v1.AdminService/Watch", true, true, true),
        ("/chord.v1.AdminService/Leave", false, false, true),
        ("/chord.v1.AdminService/Merge", false, false, true),
        ("/chord.v1.AdminService/Drain", false, false, true),
        ("/grpc.health.v1.Health/Check", true, true, true),
        ("/grpc.health.v1.Health/Watch", true, true, true),
        ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", true, true, true),
        ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", true, true, true),
    ]

    @Test(arguments: rows)
    func standardTableRoles(_ method: String, _ node: Bool, _ client: Bool, _ admin: Bool) {
        let table = AuthorizationTable.standard
        for (role, isAllowed) in [(Role.node, node), (.client, client), (.admin, admin)] {
            #expect(table.allows(role, method: method) == (isAllowed ? .allowed : .denied))
            #expect(table.roles(admittedTo: method)?.contains(role) == isAllowed)
        }
    }

    @Test(arguments: [
        "", "/", "Notify", "/chord.v1.ChordService/notify", "/chord.v1.ChordService/Notify/",
        "chord.v1.ChordService/Notify", "/chord.v1.ChordService/", "/chord.v2.ChordService/Notify",
    ])
    func unknownMethodHasNoEntry(_ method: String) {
        for role in Role.allCases {
            #expect(AuthorizationTable.standard.allows(role, method: method) == .unknownMethod)
        }
        #expect(AuthorizationTable.standard.roles(admittedTo: method) == nil)
    }

    @Test func entriesCanBeAdded() {
        let table = AuthorizationTable.standard
            .admitting([.client], to: ["Get"], of: "store.v1.Store")
            .admitting([.admin], to: ["Check"], of: "grpc.health.v1.Health")
        #expect(table.allows(.client, method: "/store.v1.Store/Get") == .allowed)
        #expect(table.allows(.node, method: "/store.v1.Store/Get") == .denied)
        #expect(table.allows(.client, method: "/grpc.health.v1.Health/Check") == .denied)
        #expect(table.allows(.node, method: "/chord.v1.ChordService/Notify") == .allowed)
    }

    @Test func errorDescriptionHasCodeAndMessage() {
        let error = IdentityError(.wrongRole, "no")
        #expect(error.description == "wrongRole: no")
    }
}
