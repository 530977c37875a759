// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
import ChordRuntime
import ChordTestSupport
import Foundation
import Testing

@testable import Chord

/// Who may call what: every method of every service, with every role and with wrong certificates.
@Suite(.tags(.network), .timeLimit(.minutes(5))) struct MethodWalkTests {
    /// Methods that a policy says nothing about although others than nodes may call them: clients
    /// find out with them how to speak with the ring.
    private static let open: Set = [
        "/chord.v1.AdminService/Describe", "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    ]

    private struct Files: Encodable {
        var certificate: String
        var key: String
    }

    private struct Named: Encodable {
        var name: String
        var files: Files

        init(_ name: String, _ issued: TestAuthority.Issued) {
            self.name = name
            files = Files(certificate: issued.certificate, key: issued.key)
        }

        func encode(to encoder: any Encoder) throws {
            var pair = encoder.unkeyedContainer()
            try pair.encode(name)
            try pair.encode(files)
        }
    }

    private struct Order: Encodable {
        var address: String
        var roots: String
        var methods: [[String]]
        var certificates: [Named]
    }

    private func node(_ all: TestCertificates, policy: String? = nil) async throws -> ChordNode {
        var certificates = Certificates(
            files: all.n1.files(trusting: all.authority.certificate, revocationList: all.list)
        )
        certificates.trustDomains = [TestCertificates.trustDomain]
        var configuration = ChordConfiguration(
            name: "n1",
            ring: RingConfiguration(name: "walk"),
            certificates: certificates
        )
        configuration.listen = "127.0.0.1:0"
        configuration.store = StoreConfiguration(.memory)
        configuration.access.policy = policy
        configuration.logger = CapturedLog().logger
        return try await ChordNode(configuration)
    }

    /// Calls every method of a running node with these certificates: the statuses by name and path.
    private func walk(
        _ node: ChordNode,
        _ all: TestCertificates,
        _ certificates: [Named]
    ) async throws -> [String: [String: String]] {
        // The node leaves at the end.
        let methods = node.services.flatMap(\.methods).map(\.method).sorted { left, right in
            (left.path.hasSuffix("AdminService/Leave") ? 1 : 0)
                < (right.path.hasSuffix("AdminService/Leave") ? 1 : 0)
        }
        let order = Order(
            address: node.reference.address,
            roots: all.authority.certificate,
            methods: methods.map { [$0.path, $0.kind.rawValue] },
            certificates: certificates
        )
        let python = try await Python.get()
        return try await python.running("walk.py", order) { script in
            guard try await script.exit() == 0 else {
                throw TestFailure("walk.py failed: \(script.report)")
            }
            return try JSONDecoder().decode(
                [String: [String: String]].self,
                from: Data(script.output.text.utf8)
            )
        }
    }

    @Test("Every method is open to the roles that it names, and to no wrong certificate")
    func roles() async throws {
        let all = try await TestCertificates.get()
        let node = try await node(all)
        let methods = node.services.flatMap(\.methods).map(\.method)
        #expect(methods.count >= 35)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await node.run() }
            try await node.waitUntilJoined()
            let wrong = [
                Named("expired", all.expired), Named("revoked", all.revoked),
                Named("foreign authority", all.foreign), Named("no name", all.hostOnly),
                Named("two names", all.twoURIs),
            ]
            let right = [
                Named("node", all.n2), Named("client", all.alice), Named("admin", all.admin),
            ]
            let found = try await walk(node, all, wrong + right)
            for named in wrong {
                let statuses = try #require(found[named.name])
                #expect(statuses.count == methods.count)
                #expect(Set(statuses.values) == ["UNAVAILABLE"], "\(named.name)")
            }
            for role in Role.allCases {
                for method in methods {
                    let status = try #require(found["\(role)"]?[method.path])
                    let isRefused = status == "PERMISSION_DENIED"
                    #expect(
                        isRefused != method.callers.contains(role),
                        "\(role) \(method) \(status)"
                    )
                    #expect(status != "UNIMPLEMENTED" && status != "UNKNOWN", "\(role) \(method)")
                }
            }
            tasks.cancelAll()
        }
    }

    @Test("Every method has a rule, and a policy without rules refuses all that have one")
    func rules() async throws {
        let all = try await TestCertificates.get()
        let policy = all.folder.appending(path: "nothing.policy").path
        try "# nothing is allowed\n".write(toFile: policy, atomically: true, encoding: .utf8)
        let node = try await node(all, policy: policy)
        let methods = node.services.flatMap(\.methods).map(\.method)
        // A new method that nobody has thought about fails here.
        let ruleless = (methods + ConcordMethods.all).filter {
            $0.rule == .rolesOnly && $0.callers != .nodes
        }
        #expect(Set(ruleless.map(\.path)) == Self.open)
        for method in methods where method.callers == .nodes { #expect(method.rule == .rolesOnly) }
        try await running(node) {
            let found = try await walk(
                node,
                all,
                [Named("node", all.n2), Named("client", all.alice), Named("admin", all.admin)]
            )
            for role in Role.allCases {
                for method in methods where method.callers.contains(role) {
                    let status = try #require(found["\(role)"]?[method.path])
                    // Requests without a key are refused before rules about keys are asked.
                    let isRuled =
                        switch method.rule {
                        case .rolesOnly, .keys: false
                        case .permission, .oneOf: role != .node
                        }
                    #expect(
                        (status == "PERMISSION_DENIED") == isRuled,
                        "\(role) \(method) \(status)"
                    )
                }
            }
        }
    }

    private func running(_ node: ChordNode, _ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await node.run() }
            try await node.waitUntilJoined()
            try await body()
            tasks.cancelAll()
            try await tasks.waitForAll()
        }
    }
}
