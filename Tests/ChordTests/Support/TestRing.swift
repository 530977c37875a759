// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordTestSupport
import Foundation
import Logging

/// Certificates of the tests in this folder, made once.
extension TestCertificates {
    private static let all: Result<[String: Certificates], any Error> = Result {
        let authority = try TestAuthority(
            "ours",
            in: TestCertificates.temporary.appending(path: "ring")
        )
        let requests: [TestAuthority.Request] = [
            .member("n1"), .member("n2"), .member("n3"), .member("alice", role: "client"),
            .member("bob", role: "admin"),
        ]
        var result: [String: Certificates] = [:]
        for request in requests {
            let issued = try authority.issue(request)
            result[request.name] = Certificates(
                files: issued.files(trusting: authority.root.certificate)
            )
        }
        return result
    }

    static func of(_ name: String) async throws -> Certificates {
        let all = try await onOwnThread { try Self.all.get() }
        guard let certificates = all[name] else { throw CancellationError() }
        return certificates
    }
}

/// What nodes and clients allow each other, who are not to take one another for dead. On a busy machine a
/// thread may stand still for seconds; who stops in these tests says so, or refuses connections at once.
private let failureDetection = Duration.seconds(40)
private let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// A node's configuration for one machine.
func configuration(
    _ name: String,
    joining contacts: [String] = []
) async throws -> ChordConfiguration {
    var configuration = ChordConfiguration(
        name: name,
        ring: RingConfiguration(name: "test"),
        certificates: try await TestCertificates.of(name)
    )
    configuration.listen = "127.0.0.1:0"
    configuration.contacts = contacts
    configuration.timings = .local
    configuration.failureDetection = FailureDetection(allowing: failureDetection)
    configuration.lookups = LookupLimits(allowing: failureDetection)
    configuration.logger = silent
    return configuration
}

/// A client of these nodes.
func client(_ name: String, of nodes: ChordNode...) async throws -> ChordClient {
    var configuration = ChordClientConfiguration(
        nodes: nodes.map(\.reference.address),
        certificates: try await TestCertificates.of(name)
    )
    configuration.failureDetection = FailureDetection(allowing: failureDetection)
    configuration.lookups = LookupLimits(allowing: failureDetection)
    configuration.logger = silent
    return try ChordClient(configuration)
}

/// Waits until a node's view of its ring meets a condition.
func wait(for node: ChordNode, until condition: () -> Bool) async throws {
    for await _ in node.events() where condition() { return }
    try Task.checkCancellation()
}

/// Runs a node during `body`, which starts when it is a member.
func running<R: Sendable>(
    _ node: ChordNode,
    _ body: sending () async throws -> R
) async throws -> R {
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await node.run() }
        try await node.waitUntilJoined()
        let result = try await body()
        tasks.cancelAll()
        try await tasks.waitForAll()
        return result
    }
}
