// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import Dispatch
import Logging
import ServiceLifecycle

/// `chord serve`.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run a node.",
        discussion: """
            Without --join and --initial-ring it makes a new ring of its own. With --join it joins the \
            ring of the nodes named; with --initial-ring it begins one together with them. One line on \
            standard output says when it is a member; the log goes to standard error. SIGTERM and SIGINT \
            make it leave the ring and end; a second one ends it at once. SIGHUP makes it read its \
            certificates anew.
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

    @Flag(help: .hidden)
    var endWithInput = false

    func run() async throws {
        if endWithInput { Self.endWhenInputCloses() }
        try await reportingFailures {
            let logger = logging.logger(of: node.name)
            OpenFiles.raiseLimit(logger: logger)
            let configuration = try configuration(logger: logger)
            let node = try await ChordNode(configuration)
            let ready = ReadyLine(node: node, ring: configuration.ring)
            let group = ServiceGroup(
                configuration: ServiceGroupConfiguration(
                    services: [
                        .init(service: node, successTerminationBehavior: .gracefullyShutdownGroup),
                        .init(service: ready),
                    ],
                    logger: Logger(label: "chord.services") { _ in SwiftLogNoOpLogHandler() }
                )
            )
            try await EndingSignals.run(group, logger: logger) {
                do {
                    try node.reloadCertificates()
                    logger.info("read the certificates anew")
                } catch {
                    logger.error(
                        "cannot take up the certificates",
                        metadata: ["chord.error": "\(error)"]
                    )
                }
            }
        }
    }

    /// Leaves the ring when standard input closes: whoever started this node is gone.
    private static func endWhenInputCloses() {
        DispatchQueue(label: "chord.input").async {
            StandardInput.skipToEnd()
            SignalSending.askSelfToEnd()
        }
    }

    private static func addresses(_ values: [String]) -> [String] {
        values.flatMap { $0.split(separator: ",").map(String.init) }
    }

    /// What the node is told, from what was typed.
    func configuration(logger: Logger) throws -> ChordConfiguration {
        try node.checkAddresses()
        var configuration = ChordConfiguration(
            name: node.name,
            ring: try parameters.configuration(),
            certificates: try certificates.certificates(for: node.name)
        )
        configuration.listen = node.listen
        configuration.advertise = node.advertise
        configuration.contacts = Self.addresses(node.join)
        configuration.initialRing = Self.addresses(node.initialRing)
        configuration.stateFile = node.stateFile
        configuration.joinTimeout = node.joinTimeout.duration
        configuration.intervals.stabilize = node.stabilizeInterval.duration
        let silence = try node.silence.resolved()
        configuration.silence = SilenceLimits(allowing: silence)
        configuration.lookups = LookupLimits(allowing: silence)
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

    func run() async {
        do {
            try await node.waitUntilJoined()
            Standard.output(text)
            try await gracefulShutdown()
        } catch {
            // The node itself reports why it did not become a member; to end before it would look
            // like a failure of its own.
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
