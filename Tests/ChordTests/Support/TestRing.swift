// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordTestSupport
import Foundation
import Logging
import Testing

extension TestCertificates {
    /// The certificates of a node, a client or an administrator.
    static func of(_ name: String) async throws -> Certificates {
        let all = try await get()
        let issued = try #require(all.members[name], "no certificate of \(name)")
        return Certificates(files: issued.files(trusting: all.authority.certificate))
    }
}

/// What nodes and clients allow each other, who are not to take one another for dead. On a busy machine a
/// thread may stand still for seconds; who stops in these tests says so, or refuses connections at once.
private let failureDetection = Duration.seconds(40)
let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

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
