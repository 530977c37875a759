// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import Logging
import ServiceLifecycle
import UnixSignals

// The snippets of Sources/Chord/Chord.docc, so that they compile: SnippetTests compares.

func runGroup(_ node: ChordNode, _ client: ChordClient) async throws {
    let group = ServiceGroup(
        services: [node, client],
        gracefulShutdownSignals: [.sigterm, .sigint],
        logger: Logger(label: "app")
    )
    try await group.run()
}

func follow(_ node: ChordNode) async {
    for await change in node.rangeChanges() {
        for range in change.lost { print("give away \(range)") }
        for range in change.gained { print("take \(range)") }
    }
}

func farApart(_ given: ChordConfiguration) throws -> ChordConfiguration {
    var configuration = given
    configuration.timings = .wan
    configuration.timings.lookups.verifiedWays = 5
    try configuration.validate()
    return configuration
}

func isThere(_ client: ChordClient, _ key: String) async throws -> Bool {
    do {
        _ = try await client.lookup(key: key)
        return true
    } catch {
        guard error.code == .noContact else { throw error }
        return false
    }
}

func runNode() async throws {
    let configuration = ChordConfiguration(
        name: "n1",
        ring: RingConfiguration(name: "demo"),
        certificates: Certificates(directory: "certs/generated", name: "n1")
    )
    let node = try await ChordNode(configuration)
    try await node.run()
}

func joining(_ given: ChordConfiguration) -> ChordConfiguration {
    var configuration = given
    configuration.listen = "127.0.0.1:7947"
    configuration.contacts = ["127.0.0.1:7946"]
    return configuration
}

func owner(of key: String) async throws -> NodeReference {
    let configuration = ChordClientConfiguration(
        nodes: ["127.0.0.1:7946", "127.0.0.1:7947"],
        certificates: Certificates(directory: "certs/generated", name: "client-demo")
    )
    return try await withChordClient(configuration) { client in
        try await client.lookup(key: key).owner
    }
}

func mixed(_ given: ChordConfiguration) -> ChordConfiguration {
    var configuration = given
    configuration.dialects = [.concord]
    configuration.certificates.admitsHostCertificates = true
    return configuration
}

func certificates() -> Certificates {
    var certificates = Certificates(directory: "/etc/chord", name: "n1")
    // Refuse certificates of an authority without a revocation list.
    certificates.requiresRevocationLists = true
    return certificates
}
