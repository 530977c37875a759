// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import ChordCommandLine

/// `chord store recover`.
struct StoreRecoverCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recover",
        abstract: "Serve ranges again that have lost most of their copies for good.",
        discussion: """
            Without --yes it shows what it would do, and changes nothing. It needs a certificate of role admin, and \
            every member of the ring must answer.

            For each range without a leader, the copy with the most complete log becomes the first one of a new range. \
            Writes that only the lost copies had are gone, also acknowledged ones. The disks that are given up may \
            never come back: a node that starts with one of them is refused until its store directory is moved away. \
            Do not give up a node that can still be started.

            If the command fails on the way, run it again. The exit code is 0 if all ranges have a leader or were \
            recovered (or, without --yes, could be), and 75 if a range cannot be recovered so.
            """
    )

    @Option(
        name: .customLong("give-up"),
        help: ArgumentHelp(
            "A node, or a disk of 32 hexadecimal digits, that is lost for good; may be repeated.",
            valueName: "name"
        )
    )
    var lost: [String] = []

    @Flag(help: "Do it. Without this it only shows what would be done.")
    var yes = false

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup(title: "The ring")
    var ring: RingOptions

    func run() async throws {
        try await reportingFailures {
            try await ring.withClient { client in
                let walk = try await client.walk()
                let members = walk.members.map(\.node)
                var report = StoreRecoveryReport(width: walk.parameters.space.width)
                report.plans = try await client.store.planRecovery(
                    givingUp: lost,
                    members: members
                )
                if !json { report.lines.forEach { StandardStreams.output($0) } }
                let canGoOn = report.plans.allSatisfy { $0.problem == nil }
                if yes, canGoOn, !report.plans.isEmpty {
                    report.results = try await client.store.recover(
                        givingUp: lost,
                        members: members
                    ) { result in
                        if !json { StandardStreams.output(StoreRecoveryReport.line(of: result)) }
                    }
                } else if !json, canGoOn, !report.plans.isEmpty {
                    StandardStreams.output("nothing was changed; to do it, add --yes")
                }
                if json { StandardStreams.output(report.json.lines) }
                guard canGoOn else { throw ExitCode(CommandFailure.Kind.notIdeal.rawValue) }
            }
        }
    }
}

/// What `chord store recover` prints.
struct StoreRecoveryReport {
    /// Bits of an identifier.
    let width: Int
    var plans: [StoreRecoveryPlan] = []
    var results: [StoreRecoveryResult] = []

    init(width: Int) {
        self.width = width
    }

    // MARK: Text

    var lines: [String] {
        guard !plans.isEmpty else {
            return ["every range has a leader: nothing is to be recovered"]
        }
        return plans.flatMap(lines)
    }

    private func lines(of plan: StoreRecoveryPlan) -> [String] {
        let bounds = plan.bounds.map { bounds in
            " (\(bounds.lowerBound.hexadecimal(width: width).prefix(8)), "
                + "\(bounds.upperBound.hexadecimal(width: width).prefix(8))]"
        }
        var lines = ["range \(plan.range.prefix(8))\(bounds ?? "") has no leader"]
        for survivor in plan.survivors {
            let keys = Int(clamping: survivor.rows).counted("key")
            lines.append(
                "  left: \(survivor.node), disk \(survivor.disk.prefix(8)), entry \(survivor.last) of term "
                    + "\(survivor.term), applied \(survivor.applied), \(keys)"
                    + (survivor.isReadable ? "" : ", damaged")
                    + (survivor.isFounder ? "  <- the new range begins with it" : "")
            )
        }
        for lost in plan.lost {
            lines.append(
                "  \(lost.isGivenUp ? "given up" : "no answer"): \(lost.node), disk \(lost.disk.prefix(8))"
            )
        }
        if let problem = plan.problem {
            return lines + ["  cannot be recovered: \(problem.printable)"]
        }
        let lost = plan.lost.map(\.node).joined(separator: " and ")
        if let founder = plan.survivors.first(where: \.isFounder) {
            lines.append(
                "  may be lost: writes that \(lost) acknowledged and \(founder.node) never received, all after entry "
                    + "\(founder.last). Nobody can say how many; for a node that was up to date there are none"
            )
        }
        lines.append(
            "  for good: the disks of \(lost) are refused from then on, until they are wiped"
        )
        return lines
    }

    static func line(of result: StoreRecoveryResult) -> String {
        "range \(result.range.prefix(8)) is range \(result.successor.prefix(8)) now, and fills new copies"
    }

    // MARK: JSON

    var json: JSON {
        .object([
            ("ranges", .array(plans.map(json(of:)))),
            (
                "recovered",
                .array(
                    results.map { result in
                        .object([
                            ("range", .string(result.range)),
                            ("successor", .string(result.successor)),
                            ("disk", .string(result.disk)),
                        ])
                    }
                )
            ),
        ])
    }

    private func json(of plan: StoreRecoveryPlan) -> JSON {
        .object(
            [("range", .string(plan.range))]
                + (plan.bounds.map { [("bounds", .range($0, width: width))] } ?? [])
                + [
                    ("survivors", .array(plan.survivors.map(Self.json(of:)))),
                    (
                        "lost",
                        .array(
                            plan.lost.map { lost in
                                .object([
                                    ("node", .string(lost.node)), ("disk", .string(lost.disk)),
                                    ("given_up", .boolean(lost.isGivenUp)),
                                ])
                            }
                        )
                    ),
                ]
                + (plan.problem.map { [("problem", .string($0))] } ?? [])
        )
    }

    private static func json(of survivor: StoreRecoveryPlan.Survivor) -> JSON {
        .object([
            ("node", .string(survivor.node)),
            ("disk", .string(survivor.disk)),
            ("term", .integer(Int(clamping: survivor.term))),
            ("last", .integer(Int(clamping: survivor.last))),
            ("applied", .integer(Int(clamping: survivor.applied))),
            ("keys", .integer(Int(clamping: survivor.rows))),
            ("readable", .boolean(survivor.isReadable)),
            ("founder", .boolean(survivor.isFounder)),
        ])
    }
}
