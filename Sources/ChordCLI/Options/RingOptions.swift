// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import ChordCommandLine
import Logging

/// The ring to ask, and the certificate to use.
struct RingOptions: ParsableArguments {
    @Option(.node)
    var nodes: [String]

    @Option(
        help: ArgumentHelp(
            "The folder of the certificates. Default: CHORD_CERTS_DIR, else certs/generated.",
            valueName: "folder"
        )
    )
    var certsDir: String?

    @Option(.shownAs)
    var `as`: String?

    @OptionGroup
    var peers: PeerCertificateOptions

    @OptionGroup
    var failureDetection: PeerTimeoutOption

    func validate() throws {
        try AddressList.check(nodes, of: "--node", "give HOST:PORT of a node")
    }

    /// The values from options, environment and file.
    struct Resolved: Equatable {
        var nodes: [String]
        var certificatesDirectory: String
        var name: String
    }

    /// The nodes in the command line.
    var namedNodes: [String] { nodes.flatMap(Self.list) }

    /// The values from options, environment and file, in this order of priority.
    func resolved() throws(CommandFailure) -> Resolved {
        var nodes = namedNodes
        if nodes.isEmpty, let setting = try SettingsReader.value(of: .node) {
            nodes = Self.list(setting)
        }
        if nodes.isEmpty { nodes = ["127.0.0.1:7946"] }
        let directory = try Self.directory(given: certsDir)
        var name = self.as
        if name == nil { name = try SettingsReader.value(of: .shownAs) }
        let shown: String
        if let name { shown = name } else { shown = try Self.onlyOne(in: directory) }
        return Resolved(nodes: nodes, certificatesDirectory: directory, name: shown)
    }

    /// The folder of the certificates: option, environment, file or default.
    static func directory(given: String?) throws(CommandFailure) -> String {
        if let given { return given }
        return try SettingsReader.value(of: .certsDir) ?? "certs/generated"
    }

    private static func list(_ text: String) -> [String] {
        text.split(separator: ",").map { String($0).trimmed }
            .filter { !$0.isEmpty }
    }

    /// The only certificate of a folder that a command can use.
    ///
    /// - Parameter prefix: the beginning of names that are taken before those of clients, if there is one only.
    static func onlyOne(
        in directory: String,
        preferring prefix: String? = nil
    ) throws(CommandFailure) -> String {
        guard let files = try? Files.names(in: directory) else {
            throw CommandFailure(
                .configuration,
                "there is no folder \(directory) with certificates",
                hint: "make certs creates it; --certs-dir names another folder"
            )
        }
        let names = files.filter { $0.hasSuffix(".pem") }.map { String($0.dropLast(4)) }
            .filter { $0 != "ca" && $0 != "crl" }.sorted()
        if let prefix {
            let preferred = names.filter { $0.hasPrefix(prefix) }
            if preferred.count == 1 { return preferred[0] }
        }
        let clients = names.filter { $0.hasPrefix("client-") }
        if clients.count == 1 { return clients[0] }
        guard !clients.isEmpty else {
            let others =
                names.isEmpty ? "" : "; there are \(names.prefix(8).joined(separator: ", "))"
            throw CommandFailure(
                .configuration,
                "there is no client's certificate in \(directory)\(others)",
                hint: "make client-cert NAME=alice creates one; --as NAME uses another certificate"
            )
        }
        throw CommandFailure(
            .configuration,
            "there are several clients' certificates in \(directory): \(clients.prefix(8).joined(separator: ", "))",
            hint: "choose one with --as \(clients[0])"
        )
    }
}

extension RingOptions {
    /// Makes a client, passes it to `body`, and closes it.
    func withClient<Result>(
        _ body: (ChordClient) async throws -> Result
    ) async throws -> Result {
        let resolved = try resolved()
        var configuration = ChordClientConfiguration(
            nodes: resolved.nodes,
            certificates: Certificates(
                directory: resolved.certificatesDirectory,
                name: resolved.name
            )
        )
        try peers.resolved().apply(to: &configuration.certificates)
        let failureDetection = try failureDetection.resolved()
        configuration.failureDetection = FailureDetection(allowing: failureDetection)
        configuration.lookups = LookupLimits(allowing: failureDetection)
        configuration.store = StoreClientLimits(allowing: failureDetection)
        // The command prints everything itself.
        configuration.logger = Logger(label: "chord.client") { _ in SwiftLogNoOpLogHandler() }
        return try await withChordClient(configuration, body)
    }
}
