// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import ChordCommandLine
import Logging

/// `chord interop`.
struct InteropCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "interop",
        abstract: "Check nodes of other implementations.",
        subcommands: [InteropCheckCommand.self]
    )
}

/// `chord interop check`.
struct InteropCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Show which contracts a node speaks, and whether it can be a member of a ring.",
        discussion: """
            For authors of other implementations. Each line shows the expected and the actual \
            result. Without --join the check only asks questions and changes nothing. It asks no \
            question that is known to harm another implementation. With --join, a node of this \
            implementation joins through the address, waits until its neighbours know it, leaves, \
            and waits until they have forgotten it. A wrong result that a crash elsewhere in the \
            ring could explain is asked again for a while (--settle) before it counts. The exit \
            code is 1 if something is wrong.
            """
    )

    @Argument(help: ArgumentHelp("The node to check.", valueName: "host:port"))
    var address: String

    @Flag(help: "Join the ring through the checked node, and leave again.")
    var join = false

    @Option(help: "With --join: the name of the node that joins, as in its certificate.")
    var name: String?

    @Option(
        help: ArgumentHelp(
            "With --join: the address where that node listens.",
            valueName: "host:port"
        )
    )
    var listen = "127.0.0.1:0"

    @Option(
        help: ArgumentHelp(
            "With --join: how long each step may take; \(Interval.help).",
            valueName: "time"
        )
    )
    var timeout = Interval(seconds: 60)

    @Option(
        help: ArgumentHelp(
            "How long a result may be wrong while the ring repairs itself; \(Interval.help).",
            valueName: "time"
        )
    )
    var settle = Interval(seconds: 15)

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup(title: "The caller")
    var ring: RingOptions

    @OptionGroup(title: "The ring's parameters, if the node does not name them")
    var parameters: ParameterOptions

    func validate() throws {
        guard !join || name != nil else {
            throw ValidationError("--join needs --name, the name of the node that joins.")
        }
    }

    func run() async throws {
        try await reportingFailures {
            let configuration = try parameters.configuration()
            let view = try await ring.withClient { client in
                var report = try await client.check(
                    address,
                    ring: configuration,
                    settling: settle.duration
                )
                if join, let name, !report.dialects.isEmpty {
                    let trial = InteropTrial(
                        address: address,
                        configuration: try node(name, configuration),
                        timeout: timeout.duration,
                        client: client
                    )
                    report.findings += await trial.run()
                }
                return InteropView(report: report)
            }
            for line in json ? [view.json.lines] : view.lines { StandardStreams.output(line) }
            if !view.report.isGood { throw ExitCode(1) }
        }
    }

    private func node(
        _ name: String,
        _ ring: RingConfiguration
    ) throws(CommandFailure) -> ChordConfiguration {
        var certificates = Certificates(
            directory: try RingOptions.directory(given: self.ring.certsDir),
            name: name
        )
        try self.ring.peers.resolved().apply(to: &certificates)
        var configuration = ChordConfiguration(name: name, ring: ring, certificates: certificates)
        configuration.listen = listen
        configuration.contacts = [address]
        configuration.joinTimeout = timeout.duration
        configuration.dialects = Set(DialectName.foreign)
        configuration.logger = Logger(label: "chord.interop") { _ in SwiftLogNoOpLogHandler() }
        return configuration
    }
}
