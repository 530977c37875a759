// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordBase
import ChordCommandLine
import Logging

/// What the shell makes its node and its clients of.
struct ShellSettings: Sendable {
    /// The most steps of a lookup with `--classic`, as in the assignment.
    static let classicSteps = 32

    var name: String
    /// The host of `--listen`.
    var host: String
    var port: Int
    /// The ring's parameters.
    var ring: RingConfiguration
    var isClassic: Bool
    var store: StoreConfiguration
    /// Where the node keeps its data; nil for in memory.
    var dataDirectory: String?
    var nodeCertificates: Certificates
    var clientCertificates: Certificates
    var failureDetection: Duration
    var logger: Logger

    func node(port: Int, contact: String?) throws -> ChordConfiguration {
        var configuration = ChordConfiguration(
            name: name,
            ring: ring,
            certificates: nodeCertificates
        )
        configuration.listen = NetworkAddress.join(host: host, port: port)
        configuration.contacts = contact.map { [$0] } ?? []
        configuration.dataDirectory = dataDirectory
        configuration.store = store
        configuration.failureDetection = FailureDetection(allowing: failureDetection)
        configuration.lookups = LookupLimits(allowing: failureDetection)
        configuration.logger = logger
        return configuration
    }

    /// A client; the caller names its nodes.
    func client() -> ChordClientConfiguration {
        var configuration = ChordClientConfiguration(nodes: [], certificates: clientCertificates)
        configuration.failureDetection = FailureDetection(allowing: failureDetection)
        configuration.lookups = LookupLimits(allowing: failureDetection)
        configuration.store = StoreClientLimits(allowing: failureDetection)
        configuration.logger = Logger(label: "chord.client") { _ in SwiftLogNoOpLogHandler() }
        return configuration
    }

    /// Asks one node, with a client of its own.
    func asking<Result>(
        _ address: String,
        _ body: (ChordClient) async throws -> Result
    ) async throws -> Result {
        var configuration = client()
        configuration.nodes = [address]
        return try await withChordClient(configuration, body)
    }
}
