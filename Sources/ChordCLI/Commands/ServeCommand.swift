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
            Start nodes that begin a ring together with the same --initial-ring. Start every other node \
            with --join and the addresses of a few members. A node with neither option begins a new ring: \
            use this for the first node of a ring, and for experiments.

            A node stores its ring in its data directory (--data-dir). After a restart it returns to that \
            ring, whatever its command line says.

            Every option can also be an environment variable, such as CHORD_STABILIZE_INTERVAL, or a line \
            of a file of such variables (--config). The command line has priority, then the environment, \
            then the file; --check-config shows the result.

            A line on standard output tells that the node is a member; the log goes to standard error. \
            SIGTERM and SIGINT make it leave the ring and stop; a second signal ends it at once. SIGHUP \
            makes it read its certificates and its policy again; it also notices changed files by itself.
            """
    )

    @OptionGroup(title: "The node")
    var node: NodeOptions

    @OptionGroup(title: "Its certificates")
    var certificates: CertificateOptions

    @OptionGroup(title: "Who may do what")
    var access: AccessOptions

    @OptionGroup(title: "The ring's parameters, the same at every member")
    var parameters: ParameterOptions

    @OptionGroup(title: "Its part of the store")
    var store: StoreOptions

    @OptionGroup(title: "The log")
    var logging: LogOptions

    @Option(.config, completion: .file())
    var config: String?

    @Flag(help: "Print all settings and their sources, and exit.")
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
                        Self.reloadFiles(of: node, logger)
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

    /// Prints the settings in effect, with their sources, as a file that `--config` reads.
    private func showSettings() throws {
        try configuration(logger: logging.logger(of: node.name), makesFolders: false).validate()
        let settings = try ServeSettings(Array(CommandLine.arguments.dropFirst()))
        for line in settings.lines { StandardStreams.output(line) }
    }

    /// Closes the node after `body` has returned or thrown, because its threads must not run while
    /// the process exits.
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

    private static func reloadFiles(of node: ChordNode, _ logger: Logger) {
        do {
            try node.reloadCertificates()
        } catch {
            logger.error(
                "the certificates cannot be reloaded",
                metadata: ["chord.error": "\(error)"]
            )
        }
        do {
            try node.reloadPolicy()
        } catch {
            logger.error(
                "the policy cannot be reloaded",
                metadata: ["chord.error": "\(error)"]
            )
        }
    }

    /// Leaves the ring when standard input closes: the process that started this node has ended.
    private static func endWhenInputCloses() {
        DispatchQueue(label: "chord.input").async {
            StandardInput.skipToEnd()
            SignalSending.askSelfToEnd()
        }
    }

    /// The node's configuration from the options.
    func configuration(logger: Logger, makesFolders: Bool = true) throws -> ChordConfiguration {
        try node.checkAddresses()
        var configuration = ChordConfiguration(
            name: node.name,
            ring: try parameters.configuration(),
            certificates: try certificates.certificates(for: node.name)
        )
        configuration.listen = node.listen
        configuration.advertise = node.advertise
        configuration.failureDomain = node.failureDomain
        configuration.contacts = AddressList.addresses(in: node.join)
        configuration.initialRing = AddressList.addresses(in: node.initialRing)
        configuration.access = access.configuration
        configuration.store = store.configuration(isMixed: !parameters.dialects.isEmpty)
        configuration.dataDirectory = try node.dataDirectory(makesFolders: makesFolders)
        configuration.joinTimeout = node.joinTimeout.duration
        configuration.leaveTimeout = node.leaveTimeout.duration
        configuration.intervals.stabilize = node.stabilizeInterval.duration
        let failureDetection = try node.failureDetection.resolved()
        configuration.failureDetection = FailureDetection(allowing: failureDetection)
        configuration.lookups = LookupLimits(allowing: failureDetection)
        configuration.eventLoopThreads = node.threads
        configuration.lookups.memberCacheBytes = Int(clamping: node.memberCache.bytes)
        configuration.dialects = parameters.dialects
        configuration.logger = logger
        return configuration
    }
}

/// Prints once on standard output that the node is a member.
struct ReadyLine: Service {
    let node: ChordNode
    let ring: RingConfiguration
    let logger: Logger

    func run() async {
        do {
            try await node.waitUntilJoined()
            if !StandardStreams.isWritten(text) {
                // The node stays a member; the process will exit with 1.
                logger.warning(
                    "cannot write to standard output that this node is a member",
                    metadata: [
                        "chord.error": "\(StandardStreams.outputFailure ?? "its reader is gone")"
                    ]
                )
            }
            try await gracefulShutdown()
        } catch {
            // The node stops, or reports itself why it did not join. An early return would look
            // like a failure of this service.
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
