// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord

/// `chord ring`.
struct RingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ring",
        abstract: "Walk around the ring and show its members.",
        discussion: """
            A ring is ideal when every member knows its right predecessor and has a full and right list \
            of successors. With --wait the command returns when the ring is that, with so many members.
            """
    )

    @Flag(help: "Print JSON.")
    var json = false

    @Option(help: ArgumentHelp("Wait until so many members form an ideal ring.", valueName: "n"))
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
                    walk = try await RingWait(client: client, members: wait).run(for: timeout)
                } else {
                    walk = try await client.walk()
                }
                let view = RingView(walk: walk)
                if json {
                    Standard.output(view.json.lines)
                } else {
                    for line in view.lines(width: Standard.columns) { Standard.output(line) }
                }
            }
        }
    }
}

/// Asks a ring again and again until it is ideal and has the right number of members.
struct RingWait {
    let client: ChordClient
    let members: Int

    /// - Throws: a `CommandFailure` that says what is still missing when the time is over.
    func run(for timeout: Interval) async throws -> RingWalk {
        let clock = ContinuousClock()
        let deadline = clock.now + timeout.duration
        var pause = Duration.milliseconds(20)
        while true {
            let missing: CommandFailure
            do {
                let walk = try await client.walk()
                if walk.members.count == members, walk.isIdeal { return walk }
                missing = CommandFailure(
                    .failed,
                    "no ideal ring of \(members) after \(timeout): \(missingIn(walk))",
                    hint: "the logs of the nodes say why; --timeout waits longer"
                )
            } catch {
                missing = CommandFailure(explaining: error)
                guard missing.kind == .unavailable || missing.kind == .failed else { throw missing }
            }
            guard clock.now + pause < deadline else { throw missing }
            try await clock.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(250))
        }
    }

    private func missingIn(_ walk: RingWalk) -> String {
        let count = walk.members.count
        var parts: [String] = []
        if count != members { parts.append("it has \(count) member\(count == 1 ? "" : "s")") }
        parts += walk.problems.prefix(3).map(CommandFailure.tidied)
        if walk.problems.count > 3 { parts.append("and \(walk.problems.count - 3) more") }
        return parts.joined(separator: "; ")
    }
}

/// A ring as it is shown.
struct RingView {
    let walk: RingWalk

    private func hexadecimal(_ id: Identifier) -> String {
        id.hexadecimal(width: walk.parameters.space.width)
    }

    /// The ring for a person.
    func lines(width: Int) -> [String] {
        var table = Table(columns: [
            .init(title: "name", least: 8), .init(title: "address", least: 14),
            .init(title: "identifier", least: 9), .init(title: "share", isNumeric: true),
            .init(title: "successors", least: 10), .init(title: "round trip", isNumeric: true),
        ])
        // Where all speak our own, that goes without saying.
        let isMixed = walk.members.contains { $0.dialect != .native }
        if isMixed { table.columns.append(.init(title: "speaks")) }
        for member in walk.members {
            let successors = member.successors.map(\.name).joined(separator: " ")
            table.rows.append([
                member.node.name, member.node.address, hexadecimal(member.node.id),
                "\((member.share * 100).formatted(digits: 1)) %",
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
            "ring \(parameters.ring.printable), \(count) member\(count == 1 ? "" : "s"), "
            + "\(parameters.hash.printable), \(parameters.space.width) bits"
        if walk.isIdeal {
            lines.append("\(summary): \(Style.good("ideal"))")
        } else {
            lines.append("\(summary): \(Style.warning("not ideal"))")
            let shown = 5
            for problem in walk.problems.prefix(shown) {
                lines += Self.wrapped(
                    "not ideal: \(CommandFailure.tidied(problem).printable)",
                    width: width
                )
            }
            if walk.problems.count > shown { lines.append("+\(walk.problems.count - shown) more") }
        }
        return lines
    }

    /// A sentence in lines of at most `width`; later ones are indented.
    static func wrapped(_ text: String, width: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty, line.count + 1 + word.count > width {
                lines.append(line)
                line = "   "
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        return lines + [line]
    }

    /// The ring for a program. Only members of the ring have a `name`, so that a search for names finds
    /// them in ring order.
    var json: JSON {
        .object([
            ("ring", .string(walk.parameters.ring)),
            ("ideal", .boolean(walk.isIdeal)),
            (
                "nodes",
                .array(
                    walk.members.map { member in
                        .object([
                            ("name", .string(member.node.name)),
                            ("address", .string(member.node.address)),
                            ("identifier", .string(hexadecimal(member.node.id))),
                            ("share", .number(member.share, digits: 6)),
                            ("predecessor", .string(member.predecessor.name)),
                            ("successors", .array(member.successors.map { .string($0.name) })),
                            ("dialect", .string(member.dialect.rawValue)),
                            ("round_trip_ms", .number(member.roundTrip.milliseconds, digits: 3)),
                        ])
                    }
                )
            ),
            ("problems", .array(walk.problems.map { .string($0) })),
        ])
    }
}
