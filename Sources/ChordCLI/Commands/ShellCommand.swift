// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import ChordBase
import ChordCommandLine
import Logging

/// `chord shell`.
struct ShellCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shell",
        abstract:
            "Run a node from a prompt: create or join a ring, store keys, and look into nodes.",
        discussion: """
            The prompt has the commands of the classic Chord assignment; help lists them. On a terminal, lines \
            can be edited, the arrow keys go through the history, and the tab key completes commands, addresses \
            and keys. Elsewhere commands are read from standard input, and the first one that fails ends the \
            shell with its exit code.

            The node keeps its data in memory unless --data-dir is given. quit hands them over to the other \
            nodes first. The dumps of keys need an administrator's certificate (--as).

            --classic is the ring of the assignment: SHA-1, 160 bits, identifiers from addresses, one place per \
            node, port 3410, and lookups that ask each node on the way, at most 32. All connections are mutual \
            TLS all the same.
            """
    )

    @Option(help: ArgumentHelp("The node's name, as in its certificate.", valueName: "name"))
    var name: String

    @Option(
        help: ArgumentHelp(
            "Where the node listens. Default: 127.0.0.1:7946, and port 3410 with --classic.",
            valueName: "host:port"
        )
    )
    var listen: String?

    @Option(.certsDir)
    var certsDir: String?

    @Option(
        help: ArgumentHelp(
            "The certificate to ask nodes with. Default: the folder's only administrator, else its only client.",
            valueName: "name"
        )
    )
    var `as`: String?

    @Option(
        help: ArgumentHelp(
            "A folder for the node's data. Default: they are kept in memory.",
            valueName: "folder"
        )
    )
    var dataDir: String?

    @Option(help: ArgumentHelp("The ring's name.", valueName: "name"))
    var ring = "chord"

    @Option(.replicas)
    var replicas: Int

    @Flag(help: "The parameters of the classic assignment.")
    var classic = false

    @OptionGroup
    var failureDetection: PeerTimeoutOption

    @Option(
        help: ArgumentHelp("The least level of log lines on standard error.", valueName: "level")
    )
    var logLevel: Logger.Level = .error

    func validate() throws {
        guard [1, 3, 5, 7].contains(replicas) else {
            throw ValidationError("--replicas must be 1, 3, 5 or 7, not \(replicas).")
        }
        guard dataDir != "" else {
            throw ValidationError(
                "--data-dir is empty; is a shell variable not set? Otherwise give a folder."
            )
        }
    }

    func run() async throws {
        try await reportingFailures {
            let settings = try settings()
            if let code = await ShellLoop(settings).run() { throw ExitCode(code.rawValue) }
        }
    }

    private func settings() throws -> ShellSettings {
        let address: NetworkAddress
        do throws(AddressError) {
            address = try NetworkAddress(
                listening: listen ?? (classic ? "127.0.0.1:3410" : "127.0.0.1:7946")
            )
        } catch {
            throw CommandFailure(
                .configuration,
                "--listen: \(error)",
                hint: "an address is HOST:PORT, for example 10.0.0.1:7946 or [::1]:7946"
            )
        }
        let directory = try RingOptions.directory(given: certsDir)
        var parameters = RingConfiguration(name: ring)
        if classic {
            parameters.hash = .sha1
            parameters.width = 160
            parameters.identifierRule = .address
            parameters.placements = 1
        }
        var store = StoreConfiguration(dataDir == nil ? .memory : .disk)
        store.replicas = replicas
        var logger = Logger(label: "chord") { [logLevel] _ in
            LineLogHandler(format: .text, level: logLevel)
        }
        logger[metadataKey: "chord.node"] = "\(name)"
        return ShellSettings(
            name: name,
            host: address.host,
            port: address.port,
            ring: parameters,
            isClassic: classic,
            store: store,
            dataDirectory: dataDir,
            nodeCertificates: Certificates(directory: directory, name: name),
            clientCertificates: Certificates(
                directory: directory,
                name: try self.as ?? RingOptions.onlyOne(in: directory, preferring: "admin-")
            ),
            failureDetection: try failureDetection.resolved(),
            logger: logger
        )
    }
}
