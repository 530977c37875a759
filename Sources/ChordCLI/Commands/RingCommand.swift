// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ArgumentParser
import Chord
import ChordCommandLine

/// `chord ring`.
struct RingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ring",
        abstract: "List the members of the ring.",
        discussion: """
            A ring is ideal if every member has the right predecessor and a full and right list \
            of successors. With --wait N the command returns when N members form an ideal ring. \
            With --check the exit code is 75 if the ring is not ideal.

            The command walks along the successors from the first node of --node that answers. If another \
            node of --node is a member that the walk does not meet, there are two rings: exit code 1.
            """
    )

    @Flag(help: "Print JSON.")
    var json = false

    @Flag(help: "Exit with code 75 if the ring is not ideal.")
    var check = false

    @Option(
        help: ArgumentHelp("Wait until this number of members forms an ideal ring.", valueName: "n")
    )
    var wait: Int?

    @Option(
        help: ArgumentHelp("How long to wait; \(Interval.help).", valueName: "time")
    )
    var timeout: Interval = .init(seconds: 60)

    @OptionGroup(title: "The ring")
    var ring: RingOptions

    func validate() throws {
        if let wait, wait < 1 {
            throw ValidationError("--wait is a number of members, at least 1.")
        }
    }

    func run() async throws {
        try await reportingFailures {
            try await ring.withClient { client in
                let walk: RingWalk
                if let wait {
                    let waiting = RingWait(client: client, members: wait, isSilent: json)
                    walk = try await waiting.run(for: timeout)
                } else {
                    walk = try await client.walk()
                }
                let view = RingView(walk: walk)
                if json {
                    StandardStreams.output(view.json.lines)
                } else {
                    let lines = view.lines(width: StandardStreams.columns, isChecked: check)
                    for line in lines { StandardStreams.output(line) }
                }
                if let failure = RingWait.notOneRing(try await client.nodes(notOn: walk), walk) {
                    throw failure
                }
                if check, !walk.isIdeal {
                    throw ExitCode(CommandFailure.Kind.notIdeal.rawValue)
                }
            }
        }
    }
}

/// Walks the ring repeatedly until it is ideal and has the right number of members.
struct RingWait {
    let client: ChordClient
    let members: Int
    /// Whether no progress is shown.
    var isSilent = false

    /// - Throws: a `CommandFailure` with the missing condition when the time is over.
    func run(for timeout: Interval) async throws -> RingWalk {
        let clock = ContinuousClock()
        let deadline = clock.now + timeout.duration
        var pause = Duration.milliseconds(20)
        var progress = Progress(isSilent: isSilent)
        defer { progress.end() }
        while true {
            let missing: CommandFailure
            let state: String
            do {
                let walk = try await client.walk()
                if walk.members.count == members, walk.isIdeal {
                    let strays = try await client.nodes(notOn: walk)
                    guard let failure = Self.notOneRing(strays, walk) else { return walk }
                    missing = failure
                    state = failure.message
                } else {
                    state = missingIn(walk)
                    missing = CommandFailure(
                        .failed,
                        "no ideal ring of \(members) after \(timeout): \(state)",
                        hint: "the logs of the nodes show why; a longer --timeout waits longer"
                    )
                }
            } catch {
                missing = CommandFailure(explaining: error)
                guard missing.kind == .unavailable || missing.kind == .failed else { throw missing }
                state = missing.message
            }
            progress.tell("waiting for an ideal ring of \(members): \(state)")
            guard clock.now < deadline else { throw missing }
            // The last wait is shortened to end with the timeout.
            try await clock.sleep(for: min(pause, deadline - clock.now))
            pause = min(pause * 2, .milliseconds(250))
        }
    }

    /// The failure if a walk did not meet some nodes; nil if there are none.
    static func notOneRing(_ strays: [NodeReference], _ walk: RingWalk) -> CommandFailure? {
        guard !strays.isEmpty else { return nil }
        let shown = strays.prefix(5).map { "\($0.name.printable) at \($0.address.printable)" }
        let left = strays.count - shown.count
        let more = left > 0 ? " and \(left) more" : ""
        let start = walk.members.first?.node.name.printable ?? "the first"
        return CommandFailure(
            .failed,
            "the given nodes are not in one ring: the walk from \(start) does not meet"
                + " \(shown.joined(separator: ", "))\(more)",
            hint:
                "chord merge, for administrators, merges two rings; a ring that was just split merges"
                + " by itself"
        )
    }

    private func missingIn(_ walk: RingWalk) -> String {
        let count = walk.members.count
        var parts: [String] = []
        if count != members { parts.append("it has \(count.counted("member"))") }
        parts += walk.problems.prefix(3)
        if walk.problems.count > 3 { parts.append("and \(walk.problems.count - 3) more") }
        return parts.joined(separator: "; ")
    }
}

/// The output for a ring.
struct RingView {
    let walk: RingWalk

    private func hexadecimal(_ id: Identifier) -> String {
        id.hexadecimal(width: walk.parameters.space.width)
    }

    /// The ring as text.
    ///
    /// - Parameters:
    ///   - width: the width of the terminal; nil if nothing may be cut.
    ///   - isChecked: whether the exit code tells that the ring is not ideal.
    func lines(width: Int?, isChecked: Bool = false) -> [String] {
        var table = Table(columns: [
            .init(title: "name", least: 12), .init(title: "address"),
            .init(title: "identifier", least: 9, rank: 3),
            .init(title: "share", isNumeric: true, rank: 1),
            .init(title: "", rank: 5),
            .init(title: "successors", least: 11, rank: 2),
            .init(title: "round trip", isNumeric: true, rank: 4),
        ])
        // The dialect is shown only if there is more than one.
        let isMixed = walk.members.contains { $0.dialect != .native }
        if isMixed { table.columns.append(.init(title: "speaks", rank: 1)) }
        let largest = walk.members.map(\.share).max() ?? 1
        for member in walk.members {
            var names = member.successors.map(\.name)
            if member.isHeadUnreached, !names.isEmpty { names[0] += " (not reached)" }
            let successors = names.joined(separator: " ")
            table.rows.append([
                member.node.name, member.node.address, hexadecimal(member.node.id),
                "\((member.share * 100).formatted(digits: 1)) %",
                Self.bar(member.share, of: largest),
                successors.isEmpty ? "none" : successors,
                "\(member.roundTrip.milliseconds.formatted(digits: 2)) ms",
            ])
            if isMixed { table.rows[table.rows.count - 1].append(member.dialect.rawValue) }
        }
        var lines = table.lines(width: width)
        lines[0] = Style.heading(lines[0])
        let parameters = walk.parameters
        let count = walk.members.count
        let summary =
            "ring \(parameters.ring.printable), \(count.counted("member")), "
            + "\(parameters.hash.printable), \(parameters.space.width) bits"
        // Colour codes would count as letters, so colours are added after the layout.
        let verdict = walk.isIdeal ? "ideal" : "not ideal"
        var last = Paragraph.lines("\(summary): \(verdict)", width: width)
        if let end = last.popLast() {
            let styled = walk.isIdeal ? Style.good(verdict) : Style.warning(verdict)
            last.append(end.hasSuffix(verdict) ? end.dropLast(verdict.count) + styled : end)
        }
        lines += last
        if !walk.isIdeal {
            let shown = 5
            for problem in walk.problems.prefix(shown) {
                lines += Paragraph.lines(
                    "not ideal: \(problem.printable)",
                    width: width
                )
            }
            if walk.problems.count > shown { lines.append("+\(walk.problems.count - shown) more") }
            if !isChecked {
                let code = CommandFailure.Kind.notIdeal.rawValue
                lines += Paragraph.lines(
                    "the exit code is 0; with --check it would be \(code)",
                    width: width
                )
            }
        }
        for warning in warnings {
            lines += Paragraph.lines("warning: \(warning.printable)", width: width)
        }
        return lines
    }

    /// Cells of the bar of the largest share.
    private static let barLength = 12

    /// A share as a bar, in proportion to the largest.
    private static func bar(_ share: Double, of largest: Double) -> String {
        let cells = largest > 0 ? (share / largest * Double(barLength)).rounded() : 0
        return String(repeating: "#", count: max(1, Int(cells)))
    }

    /// States that the protocol allows, but that are probably mistakes.
    var warnings: [String] { brokenLinks + imbalance }

    private var brokenLinks: [String] {
        walk.members.filter(\.isHeadUnreached).compactMap { member in
            member.successors.first.map { head in
                "\(member.node.name) cannot reach its successor \(head.name) at \(head.address),"
                    + " but other members can: check the network between them"
            }
        }
    }

    private var imbalance: [String] {
        let largest = walk.members.max { $0.share < $1.share }
        guard let largest,
            ShareBalance.isBeyondChance(share: largest.share, members: walk.members.count)
        else { return [] }
        let percent = (largest.share * 100).formatted(digits: 1)
        return [
            "\(largest.node.name) owns \(percent) % of the ring, more than chance explains:"
                + " the leading bits of the ring's hash (\(walk.parameters.hash)) are not evenly"
                + " distributed, or names were chosen on purpose"
        ]
    }

    /// The ring for JSON.
    var json: JSON {
        let width = walk.parameters.space.width
        let nodes = walk.members.map { member in
            JSON.object(
                JSON.members(of: member.node, width: width) + [
                    ("share", .number(member.share, digits: 6)),
                    (
                        "range",
                        .range(
                            IdentifierRange(
                                after: member.predecessor.id,
                                through: member.node.id
                            ),
                            width: width
                        )
                    ),
                    ("predecessor", .node(member.predecessor, width: width)),
                    ("successors", .nodes(member.successors, width: width)),
                    ("head_unreached", .boolean(member.isHeadUnreached)),
                    ("dialect", .string(member.dialect.rawValue)),
                    ("round_trip_ms", .time(member.roundTrip)),
                ]
            )
        }
        return .object([
            ("ring", .ring(walk.parameters)),
            ("ideal", .boolean(walk.isIdeal)),
            ("nodes", .array(nodes)),
            ("problems", .array(walk.problems.map { .string($0) })),
            ("warnings", .array(warnings.map { .string($0) })),
        ])
    }
}
