// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import Logging

/// `chord interop`.
struct InteropCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "interop",
        abstract: "Check nodes of another make.",
        subcommands: [InteropCheckCommand.self]
    )
}

/// `chord interop check`.
struct InteropCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Say what a node speaks, and whether it can be a member beside ours.",
        discussion: """
            For those who write a node of their own. What is expected stands beside what was found. \
            Without --join only questions are asked, and nothing changes; with it, a node of ours \
            joins through the address, waits until its neighbours know it, leaves, and waits until \
            they have forgotten it. The exit code is 1 where something is wrong.
            """
    )

    @Argument(help: ArgumentHelp("The node to check.", valueName: "host:port"))
    var address: String

    @Flag(help: "Join the ring through it, and leave again.")
    var join = false

    @Option(help: "With --join: the name of the node that joins, the one in its certificate.")
    var name: String?

    @Option(
        help: ArgumentHelp("With --join: where that node listens.", valueName: "host:port")
    )
    var listen = "127.0.0.1:0"

    @Option(
        help: ArgumentHelp(
            "With --join: how long each step may take; \(Interval.help).",
            valueName: "time"
        )
    )
    var timeout = Interval(seconds: 60)

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup(title: "Who asks")
    var ring: RingOptions

    @OptionGroup(title: "The ring's parameters, where the node does not say them")
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
                var report = try await client.check(address, ring: configuration)
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
            for line in json ? [view.json.lines] : view.lines { Standard.output(line) }
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
        certificates.admitsHostCertificates = self.ring.admitHostCertificates
        var configuration = ChordConfiguration(name: name, ring: ring, certificates: certificates)
        configuration.listen = listen
        configuration.contacts = [address]
        configuration.joinTimeout = timeout.duration
        configuration.dialects = Set(DialectName.foreign)
        configuration.logger = Logger(label: "chord.interop") { _ in SwiftLogNoOpLogHandler() }
        return configuration
    }
}

/// A node that joins a ring, waits for its neighbours to know it, and leaves.
struct InteropTrial {
    let address: String
    let configuration: ChordConfiguration
    let timeout: Duration
    let client: ChordClient

    func run() async -> [InteropFinding] {
        let node: ChordNode
        do {
            node = try await ChordNode(configuration)
        } catch {
            return [finding("join", "a node that starts", "\(error)", false)]
        }
        return await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await node.run() }
            var findings = await arrive(node)
            // Cancelled, it leaves.
            group.cancelAll()
            await group.waitForAll()
            if findings.count > 1 { findings.append(await depart()) }
            return findings
        }
    }

    private func arrive(_ node: ChordNode) async -> [InteropFinding] {
        let clock = ContinuousClock()
        let began = clock.now
        do {
            try await node.waitUntilJoined()
        } catch {
            return [finding("join", "a member", "\(error)", false)]
        }
        let joined = clock.now
        let unsettled = await poll { await missing(in: node) }
        return [
            finding("join", "a member", "after \(seconds(joined - began)) s", true),
            finding(
                "stabilise",
                "both neighbours know it",
                unsettled ?? "after \(seconds(clock.now - joined)) s",
                unsettled == nil
            ),
        ]
    }

    private func depart() async -> InteropFinding {
        let began = ContinuousClock.now
        let left = await poll {
            do {
                let report = try await client.check(address, ring: configuration.ring)
                return report.neighbours.contains(configuration.name)
                    ? "still named by \(address)" : nil
            } catch {
                return "\(error)"
            }
        }
        return finding(
            "leave",
            "the node does not name it any more",
            left ?? "after \(seconds(ContinuousClock.now - began)) s",
            left == nil
        )
    }

    /// Asks until nothing is missing, or the time is over; returns what is still missing then.
    private func poll(_ missing: () async -> String?) async -> String? {
        let end = ContinuousClock.now + timeout
        while let reason = await missing() {
            guard ContinuousClock.now < end else { return reason }
            try? await Task.sleep(for: .milliseconds(100))
        }
        return nil
    }

    /// Why the node's neighbours do not know it yet.
    private func missing(in node: ChordNode) async -> String? {
        var settings = ChordClientConfiguration(
            nodes: [node.reference.address],
            certificates: configuration.certificates
        )
        settings.logger = configuration.logger
        do {
            let client = try ChordClient(settings)
            let walk: RingWalk
            do {
                walk = try await client.walk()
            } catch {
                await client.close()
                throw error
            }
            await client.close()
            guard let index = walk.members.firstIndex(where: { $0.node.id == node.reference.id })
            else { return "it is not in its own ring" }
            let count = walk.members.count
            guard count > 1 else { return "it is alone" }
            let (before, after) = (
                walk.members[(index + count - 1) % count], walk.members[(index + 1) % count]
            )
            if after.predecessor.id != node.reference.id {
                return "\(after.node.name) has \(after.predecessor.name) before it"
            }
            if before.successors.first?.id != node.reference.id {
                return "\(before.node.name) has \(before.successors.first?.name ?? "nobody") next"
            }
            return nil
        } catch {
            return "\(error)"
        }
    }

    private func seconds(_ duration: Duration) -> String {
        (duration.milliseconds / 1000).formatted(digits: 2)
    }

    private func finding(
        _ subject: String,
        _ expected: String,
        _ found: String,
        _ isGood: Bool
    ) -> InteropFinding {
        InteropFinding(subject, expected: expected, found: found, isGood ? .asExpected : .wrong)
    }
}

/// A report as it is shown.
struct InteropView {
    let report: InteropReport

    var lines: [String] {
        var lines: [String] = []
        for finding in report.findings {
            let mark =
                switch finding.outcome {
                case .asExpected: Style.good("ok   ")
                case .known: Style.warning("known")
                case .wrong: Style.warning("WRONG")
                }
            lines.append("\(mark)  \(finding.subject.printable)")
            lines.append("         expected  \(finding.expected.printable)")
            lines.append("         found     \(finding.found.printable)")
        }
        let wrong = report.findings.count { $0.outcome == .wrong }
        lines.append(
            wrong == 0
                ? "\(report.address.printable) can be a member beside ours"
                : "\(report.address.printable): \(wrong) of \(report.findings.count) checks failed"
        )
        return lines
    }

    var json: JSON {
        .object([
            ("address", .string(report.address)),
            ("good", .boolean(report.isGood)),
            ("dialects", .array(report.dialects.map { .string($0.rawValue) })),
            (
                "checks",
                .array(
                    report.findings.map { finding in
                        .object([
                            ("check", .string(finding.subject)),
                            ("expected", .string(finding.expected)),
                            ("found", .string(finding.found)),
                            ("outcome", .string(finding.outcome.rawValue)),
                        ])
                    }
                )
            ),
        ])
    }
}
