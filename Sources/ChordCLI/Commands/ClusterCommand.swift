// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation

/// `chord cluster`.
struct ClusterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster",
        abstract: "Run a ring of several nodes on this machine.",
        discussion: """
            The nodes are called n1, n2 and so on; each is a process of its own with its own \
            certificate. One Ctrl-C ends them all.
            """
    )

    @Argument(help: "How many nodes.")
    var count: Int

    @Option(
        help: ArgumentHelp(
            "The folder of the certificates. Default: CHORD_CERTS_DIR, else certs/generated.",
            valueName: "folder"
        )
    )
    var certsDir: String?

    @Option(
        help: ArgumentHelp(
            "The first node's port; the others take the next. 0 lets the system choose.",
            valueName: "port"
        )
    )
    var basePort = 7946

    @Option(help: ArgumentHelp("The ring's name.", valueName: "name"))
    var ring = "chord"

    @Option(help: ArgumentHelp("Where the logs go.", valueName: "folder"))
    var stateDir = ".cluster"

    func validate() throws {
        guard (1...1000).contains(count) else {
            throw ValidationError("A cluster has 1 to 1000 nodes, not \(count).")
        }
        guard basePort == 0 || (1...(65536 - count)).contains(basePort) else {
            throw ValidationError(
                "--base-port \(basePort) leaves no room for \(count) ports up to 65535."
            )
        }
    }

    func run() async throws {
        try await reportingFailures {
            let directory = try RingOptions.directory(given: certsDir)
            let names = (1...count).map { "n\($0)" }
            try check(names, in: directory)
            let state = URL(filePath: stateDir, directoryHint: .isDirectory)
            do {
                try FileManager.default.createDirectory(
                    at: state,
                    withIntermediateDirectories: true
                )
            } catch {
                throw CommandFailure(
                    .configuration,
                    "the folder \(stateDir) cannot be made",
                    hint: "--state-dir names another"
                )
            }
            try await Cluster(
                names: names,
                ring: ring,
                certificatesDirectory: directory,
                basePort: basePort,
                stateDirectory: state
            ).run()
        }
    }

    /// Each node needs a certificate before the first is started.
    private func check(_ names: [String], in directory: String) throws(CommandFailure) {
        let files = FileManager.default
        let missing = names.filter { name in
            !files.fileExists(atPath: "\(directory)/\(name).pem")
                || !files.fileExists(atPath: "\(directory)/\(name).key")
        }
        guard !missing.isEmpty else { return }
        let shown = missing.prefix(5).joined(separator: " ") + (missing.count > 5 ? " …" : "")
        let folder = directory == "certs/generated" ? "" : " CERTS_DIR=\(directory)"
        let canMake =
            files.isExecutableFile(atPath: "scripts/certs") && files.fileExists(atPath: "Makefile")
        throw CommandFailure(
            .configuration,
            "\(missing.count == 1 ? "a certificate is" : "certificates are") missing in \(directory):"
                + " \(shown)",
            hint: canMake
                ? "make certs NODES=\"\(names.joined(separator: " "))\"\(folder)"
                : "in the source folder of swift-chord, make certs"
                    + " NODES=\"\(names.joined(separator: " "))\" CERTS_DIR=… makes them; --certs-dir"
                    + " names their folder"
        )
    }
}
