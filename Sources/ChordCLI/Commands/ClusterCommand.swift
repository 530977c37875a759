// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import ChordCommandLine
import ChordIdentity
import ChordTLS

/// `chord cluster`.
struct ClusterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster",
        abstract: "Run a ring of several nodes on this machine.",
        discussion: """
            The nodes are named n1, n2 and so on. Each is a process with its own certificate. \
            Ctrl-C ends them all. Without --certs-dir the command creates certificates that \
            only this cluster trusts, in its folder.
            """
    )

    @Argument(help: "The number of nodes.")
    var count: Int

    @Option(
        help: ArgumentHelp(
            "The folder of the certificates. Default: CHORD_CERTS_DIR, else new ones for this cluster.",
            valueName: "folder"
        )
    )
    var certsDir: String?

    @Option(
        help: ArgumentHelp(
            "The first node's port; the others use the following ones. With 0 the system chooses.",
            valueName: "port"
        )
    )
    var basePort = 7946

    @Option(help: ArgumentHelp("The ring's name.", valueName: "name"))
    var ring = "chord"

    @Option(
        help: ArgumentHelp(
            "The folder of logs and certificates. Default: .cluster, or the next free one of .cluster-2 and so on.",
            valueName: "folder"
        )
    )
    var stateDir: String?

    @Flag(help: "Print a JSON object per line.")
    var json = false

    func validate() throws {
        guard (1...1000).contains(count) else {
            throw ValidationError("A cluster has 1 to 1000 nodes, not \(count).")
        }
        guard basePort == 0 || (1...(65536 - count)).contains(basePort) else {
            throw ValidationError(
                "--base-port \(basePort) is too high for \(count) ports: the last port is 65535."
            )
        }
    }

    func run() async throws {
        try await reportingFailures(in: .cluster) {
            let names = (1...count).map { "n\($0)" }
            var directory = certsDir
            if directory == nil { directory = try SettingsReader.value(of: .certsDir) }
            if let directory {
                try check(names, in: directory)
                try Self.judge(names, in: directory)
            }
            let folder = try ClusterFolder.take(given: stateDir)
            if directory == nil { directory = try folder.makeCertificates(for: names) }
            try await Cluster(
                names: names,
                ring: ring,
                certificatesDirectory: directory ?? folder.path,
                basePort: basePort,
                stateDirectory: folder.path,
                asJSON: json
            ).run()
        }
    }

    /// Problems that every node would report are reported once, before any node starts.
    private static func judge(_ names: [String], in directory: String) throws(CommandFailure) {
        for name in names {
            let use = CertificateUse(role: .node, name: name, hosts: ["127.0.0.1"])
            let (faults, _) = Certificates(directory: directory, name: name).check(for: use)
            if let fault = faults.first {
                throw CommandFailure(explaining: fault, in: .cluster)
            }
        }
    }

    /// Each node needs a certificate before the first is started.
    private func check(_ names: [String], in directory: String) throws(CommandFailure) {
        let missing = names.filter { name in
            !Files.exists("\(directory)/\(name).pem") || !Files.exists("\(directory)/\(name).key")
        }
        guard !missing.isEmpty else { return }
        let shown = missing.prefix(5).joined(separator: " ") + (missing.count > 5 ? " …" : "")
        let folder = directory == "certs/generated" ? "" : " CERTS_DIR=\(directory)"
        let command = "make certs COUNT=\(names.count)\(folder)"
        throw CommandFailure(
            .configuration,
            "\(missing.count == 1 ? "a certificate is" : "certificates are") missing in \(directory):"
                + " \(shown)",
            hint: Files.isExecutable("scripts/certs") && Files.exists("Makefile")
                ? "\(command); without --certs-dir the cluster creates its own"
                : "without --certs-dir the cluster creates its own; in the source folder of swift-chord,"
                    + " \(command) makes them"
        )
    }
}
