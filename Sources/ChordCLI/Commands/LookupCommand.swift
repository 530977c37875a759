// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import ChordCommandLine

/// `chord lookup`.
struct LookupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lookup",
        abstract: "Show which node owns a key.",
        discussion:
            "The ring forwards the question; with --trace this command asks each node itself. With --verify"
            + " it goes several ways that share no node, and asks the owner, so that a member that lies is"
            + " found out; name several members with --node then."
    )

    @Argument(help: "The key; any text.")
    var key: String?

    @Option(help: ArgumentHelp("Look up this identifier instead of a key.", valueName: "hex"))
    var id: String?

    @Flag(help: "Show each node asked, and the time of its answer.")
    var trace = false

    @Flag(help: "Use several paths, and ask the owner to confirm.")
    var verify = false

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup(title: "The ring")
    var ring: RingOptions

    func validate() throws {
        guard !(trace && verify) else {
            throw ValidationError("Give --trace or --verify, not both.")
        }
        guard (key == nil) != (id == nil) else {
            throw ValidationError("Give either a key or --id.")
        }
    }

    func run() async throws {
        try await reportingFailures {
            try await ring.withClient { client in
                let parameters = try await client.parameters()
                let answer = try await ask(client, parameters)
                if answer.result?.arePlacesChecked == false {
                    StandardStreams.error(
                        "chord: the hash function \"\(parameters.hash)\" is not known here, so whether the"
                            + " nodes named stand in their places was not checked"
                    )
                }
                let lines =
                    json
                    ? [answer.json.lines]
                    : answer.lines(width: StandardStreams.columns, withSteps: trace)
                for line in lines { StandardStreams.output(line) }
            }
        }
    }

    private func ask(_ client: ChordClient, _ parameters: RingParameters) async throws
        -> LookupAnswer
    {
        var answer = LookupAnswer(key: key, width: parameters.space.width)
        if let id {
            let wanted: Identifier
            do {
                wanted = try parameters.space.identifier(hexadecimal: id)
            } catch {
                throw CommandFailure(
                    .configuration,
                    "--id: \(error.message)",
                    hint: "the ring's identifiers have \(parameters.space.width) bits, written in"
                        + " hexadecimal digits"
                )
            }
            if trace {
                answer.take(try await client.trace(wanted))
            } else {
                answer.take(try await client.lookup(wanted, wantsPath: true, verify: verify))
            }
        } else if let key {
            if trace {
                answer.take(try await client.trace(key: key))
            } else {
                answer.take(try await client.lookup(key: key, wantsPath: true, verify: verify))
            }
        }
        return answer
    }
}

/// The output for a lookup's result.
struct LookupAnswer {
    var key: String?
    var width: Int
    var result: LookupResult?
    var steps: [LookupStep] = []

    init(key: String?, width: Int) {
        self.key = key
        self.width = width
    }

    mutating func take(_ result: LookupResult) {
        self.result = result
    }

    mutating func take(_ trace: LookupTrace) {
        result = trace.result
        steps = trace.steps
    }

    private func hexadecimal(_ id: Identifier) -> String { id.hexadecimal(width: width) }

    /// The answer of a node that was asked on the path.
    private enum StepAnswer {
        case failed(String)
        case nearer(NodeReference)
        case owner(NodeReference)
    }

    private func answer(of step: LookupStep, at index: Int) -> StepAnswer {
        if let failure = step.failure { return .failed(failure) }
        if let next = steps.dropFirst(index + 1).first { return .nearer(next.node) }
        return .owner(result?.owner ?? step.node)
    }

    /// The result as text.
    func lines(width columns: Int?, withSteps: Bool) -> [String] {
        guard let result else { return [] }
        let owner = result.owner
        var lines: [String] = []
        if withSteps {
            var table = Table(columns: [
                .init(title: "step", isNumeric: true, rank: 1), .init(title: "asked", least: 12),
                .init(title: "address", rank: 3), .init(title: "identifier", least: 9, rank: 4),
                .init(title: "round trip", isNumeric: true, rank: 2),
                .init(title: "answer", least: 24),
            ])
            for (index, step) in steps.enumerated() {
                let outcome =
                    switch answer(of: step, at: index) {
                    case .failed(let reason): "failed: \(reason)"
                    case .nearer(let node): "nearer: \(node.name)"
                    case .owner(let node): "owner: \(node.name)"
                    }
                table.rows.append([
                    "\(index + 1)", step.node.name, step.node.address, hexadecimal(step.node.id),
                    "\(step.roundTrip.milliseconds.formatted(digits: 2)) ms", outcome,
                ])
            }
            lines += table.lines(width: columns)
            lines[0] = Style.heading(lines[0])
        }
        let subject = key.map { "\($0.printable)  " } ?? ""
        lines.append("key       \(subject)\(hexadecimal(result.id))")
        lines.append(
            "owner     \(Style.heading(owner.name.printable))  \(owner.address.printable)  \(hexadecimal(owner.id))"
        )
        let replicas = result.successors.map(\.name.printable).joined(separator: ", ")
        lines.append("replicas  \(replicas.isEmpty ? "none, the owner is alone" : replicas)")
        let path = result.path.map(\.name.printable).joined(separator: " > ")
        lines.append("hops      \(result.hops)\(path.isEmpty ? "" : "  \(path)")")
        if let verification = result.verification {
            lines.append("verified  \(Self.text(of: verification))")
        }
        return lines
    }

    private static func text(of verification: LookupVerification) -> String {
        var text =
            "confirmed by the owner; named by \(verification.agreeing) of \(verification.ways) paths"
        if !verification.refuted.isEmpty {
            let names = verification.refuted.map { "\($0)".printable }.joined(separator: ", ")
            text += "; wrongly named as owner: \(names)"
        }
        return text
    }

    /// The result for JSON.
    var json: JSON {
        guard let result else { return .object([]) }
        var members: [(String, JSON)] = []
        if let key { members.append(("key", .string(key))) }
        members += [
            ("id", .string(hexadecimal(result.id))), ("owner", .node(result.owner, width: width)),
            ("successors", .nodes(result.successors, width: width)),
            ("hops", .integer(result.hops)), ("path", .nodes(result.path, width: width)),
        ]
        if let verification = result.verification {
            members.append(
                (
                    "verified",
                    .object([
                        ("ways", .integer(verification.ways)),
                        ("agreeing", .integer(verification.agreeing)),
                        ("refuted", .nodes(verification.refuted, width: width)),
                    ])
                )
            )
        }
        if !steps.isEmpty {
            let list = steps.enumerated().map { index, step in
                var told = JSON.members(of: step.node, width: width)
                told.append(("round_trip_ms", .time(step.roundTrip)))
                switch answer(of: step, at: index) {
                case .failed(let reason):
                    told.append(("answer", .string("failed")))
                    told.append(("failure", .string(reason)))
                case .nearer(let node):
                    told.append(("answer", .string("nearer")))
                    told.append(("nearer", .node(node, width: width)))
                case .owner(let node):
                    told.append(("answer", .string("owner")))
                    told.append(("owner", .node(node, width: width)))
                }
                return JSON.object(told)
            }
            members.append(("steps", .array(list)))
        }
        return .object(members)
    }
}
