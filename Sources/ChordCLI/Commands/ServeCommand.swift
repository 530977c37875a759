// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import ChordCommandLine
import Dispatch
import Logging
import NIOConcurrencyHelpers
import ServiceLifecycle

/// `chord serve`.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run a node.",
        discussion: """
            Nodes that begin a ring together are started with the same --initial-ring. Every other node \
            is started with --join and the addresses of a few members. A node that is given neither makes \
            a new ring of its own, which is for the first node of a ring and for trying things out.

            What a node has to remember is in its data directory (--data-dir). Started again, with the \
            same command or another, it goes back to its ring.

            Every option can also be a variable of the environment, as CHORD_STABILIZE_INTERVAL, or a line \
            of a file of such variables (--config). The command line counts first, then the environment, \
            then the file; --check-config shows what holds.

            One line on standard output says when it is a member; the log goes to standard error. SIGTERM \
            and SIGINT make it leave the ring and end; a second one ends it at once. SIGHUP makes it read \
            its certificates anew.
            """
    )

    @OptionGroup(title: "The node")
    var node: NodeOptions

    @OptionGroup(title: "Its certificates")
    var certificates: CertificateOptions

    @OptionGroup(title: "The ring's parameters, the same at every member")
    var parameters: ParameterOptions

    @OptionGroup(title: "The log")
    var logging: LogOptions

    @Option(.config, completion: .file())
    var config: String?

    @Flag(help: "Print all settings, each with where it comes from, and end.")
    var checkConfig = false

    @Flag(help: .hidden)
    var endWithInput = false

    func run() async throws {
        if checkConfig { return try await reportingFailures(in: .serve) { try showSettings() } }
        if endWithInput { Self.endWhenInputCloses() }
        try await reportingFailures(in: endWithInput ? .clusterNode : .serve) {
            let logger = logging.logger(of: node.name)
            OpenFiles.raiseLimit(logger: logger)
            let made = NIOLockedValueBox<ChordNode?>(nil)
            try await closing(made) {
                try await EndingSignals.run(
                    logger: logger,
                    onHangup: {
                        guard let node = made.withLockedValue({ $0 }) else { return }
                        Self.reloadCertificates(of: node, logger)
                    }
                ) {
                    let configuration = try configuration(logger: logger)
                    let node = try await ChordNode(configuration)
                    made.withLockedValue { $0 = node }
                    let ready = ReadyLine(node: node, ring: configuration.ring, logger: logger)
                    return ServiceGroup(
                        configuration: ServiceGroupConfiguration(
                            services: [
                                .init(
                                    service: node,
                                    successTerminationBehavior: .gracefullyShutdownGroup
                                ),
                                .init(service: ready),
                            ],
                            logger: Logger(label: "chord.services") { _ in SwiftLogNoOpLogHandler()
                            }
                        )
                    )
                }
            }
        }
    }

    /// Prints what holds, as a file that `--config` reads, and where each value comes from.
    private func showSettings() throws {
        try configuration(logger: logging.logger(of: node.name), makesFolders: false).validate()
        let settings = try ServeSettings(Array(CommandLine.arguments.dropFirst()))
        for line in settings.lines { StandardStreams.output(line) }
    }

    /// Closes the node after `body`, however that ends: its threads must not run on into the end of the
    /// process.
    private func closing(
        _ made: NIOLockedValueBox<ChordNode?>,
        _ body: () async throws -> Void
    ) async throws {
        do {
            try await body()
        } catch {
            await made.withLockedValue { $0.take() }?.close()
            throw error
        }
        await made.withLockedValue { $0.take() }?.close()
    }

    private static func reloadCertificates(of node: ChordNode, _ logger: Logger) {
        do {
            try node.reloadCertificates()
        } catch {
            logger.error(
                "cannot take up the certificates",
                metadata: ["chord.error": "\(error)"]
            )
        }
    }

    /// Leaves the ring when standard input closes: whoever started this node is gone.
    private static func endWhenInputCloses() {
        DispatchQueue(label: "chord.input").async {
            StandardInput.skipToEnd()
            SignalSending.askSelfToEnd()
        }
    }

    /// What the node is told, from what was typed.
    func configuration(logger: Logger, makesFolders: Bool = true) throws -> ChordConfiguration {
        try node.checkAddresses()
        var configuration = ChordConfiguration(
            name: node.name,
            ring: try parameters.configuration(),
            certificates: try certificates.certificates(for: node.name)
        )
        configuration.listen = node.listen
        configuration.advertise = node.advertise
        configuration.contacts = AddressList.addresses(in: node.join)
        configuration.initialRing = AddressList.addresses(in: node.initialRing)
        configuration.dataDirectory = try node.dataDirectory(makesFolders: makesFolders)
        configuration.joinTimeout = node.joinTimeout.duration
        configuration.leaveTimeout = node.leaveTimeout.duration
        configuration.intervals.stabilize = node.stabilizeInterval.duration
        let failureDetection = try node.failureDetection.resolved()
        configuration.failureDetection = FailureDetection(allowing: failureDetection)
        configuration.lookups = LookupLimits(allowing: failureDetection)
        configuration.eventLoopThreads = node.threads
        configuration.dialects = parameters.dialects
        configuration.logger = logger
        return configuration
    }
}

/// Says once, on standard output, that the node is a member.
struct ReadyLine: Service {
    let node: ChordNode
    let ring: RingConfiguration
    let logger: Logger

    func run() async {
        do {
            try await node.waitUntilJoined()
            if !StandardStreams.isWritten(text) {
                // The node is a member all the same; the process ends with 1 when it ends.
                logger.warning(
                    "standard output does not take the line that this node is a member",
                    metadata: [
                        "chord.error": "\(StandardStreams.outputFailure ?? "its reader is gone")"
                    ]
                )
            }
            try await gracefulShutdown()
        } catch {
            // The node is to end, or reports itself why it did not become a member; to end before it would
            // look like a failure of this service.
            try? await gracefulShutdown()
        }
    }

    private var text: String {
        let reference = node.reference
        let known = Set([reference.id, node.predecessor.id] + node.successors.map(\.id))
        return "ready: \(reference.name.printable) (\(reference.id.hexadecimal(width: ring.width)))"
            + " at \(reference.address) in ring \(ring.name.printable), \(known.count)"
            + " member\(known.count == 1 ? "" : "s") known"
    }
}
