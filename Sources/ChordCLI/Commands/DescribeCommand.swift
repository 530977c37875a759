// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ArgumentParser
import Chord
import ChordCommandLine
import ChordTLS

/// `chord describe`.
struct DescribeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "describe",
        abstract: "Show the state of one node, and its view of the ring.",
        discussion: """
            It shows the first node of --node that answers. The node need not be a member: one that is \
            still joining answers, too.
            """
    )

    @Flag(help: "List the nodes of its routing table.")
    var table = false

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup(title: "The ring")
    var ring: RingOptions

    func run() async throws {
        try await reportingFailures {
            try await ring.withClient { client in
                let view = DescriptionView(description: try await client.describe())
                if json {
                    StandardStreams.output(JSON.object(view.members(withTable: table)).lines)
                } else {
                    let lines = view.lines(width: StandardStreams.columns, withTable: table)
                    for line in lines { StandardStreams.output(line) }
                }
            }
        }
    }
}

/// The output for a node's description.
struct DescriptionView {
    let description: NodeDescription

    private var width: Int { description.parameters.space.width }

    private func hexadecimal(_ id: Identifier) -> String { id.hexadecimal(width: width) }

    /// Whether the node knows no other node.
    private var isAlone: Bool {
        description.successors.isEmpty && description.predecessor.id == description.node.id
    }

    private func share(of range: IdentifierRange) -> Double {
        description.parameters.space.fraction(from: range.lowerBound, to: range.upperBound)
    }

    /// The node's phase in words.
    var phase: String {
        switch description.phase {
        case .notJoined: "not a member yet"
        case .founding: "founding, waiting for the other founders"
        case .member: isAlone ? "member, alone" : "member"
        case .left: "left, ends"
        }
    }

    /// The note beside the first successor if this node cannot reach it.
    private var brokenLink: String? {
        description.isHeadUnreached && !description.successors.isEmpty ? "not reached" : nil
    }

    /// The description as text.
    func lines(width columns: Int?, withTable: Bool) -> [String] {
        let parameters = description.parameters
        let count = description.table.count
        // A single table, so that all nodes have the same columns.
        var nodes = Table(columns: [
            .init(title: Self.label("")), .init(title: "", least: 12), .init(title: ""),
            .init(title: "", least: 9, rank: 1),
        ])
        func add(_ label: String, _ node: NodeReference) {
            nodes.rows.append([Self.label(label), node.name, node.address, hexadecimal(node.id)])
        }
        add("node", description.node)
        let hasPredecessor = description.phase == .member && !isAlone
        if hasPredecessor { add("predecessor", description.predecessor) }
        for (index, node) in description.successors.enumerated() {
            add(index == 0 ? "successors" : "", node)
        }
        if let brokenLink {
            nodes.columns.append(.init(title: ""))
            for index in nodes.rows.indices {
                let isHead = index == nodes.rows.count - description.successors.count
                nodes.rows[index].append(isHead ? brokenLink : "")
            }
        }
        let rows = nodes.lines(width: columns).dropFirst()
        var lines = [Style.heading(rows.first ?? "")]
        lines += [
            Self.line("phase", phase), Self.line("version", description.version.printable),
        ]
        if let uptime = description.uptime { lines.append(Self.line("up for", uptime.inWords)) }
        lines += Paragraph.lines(
            Self.line(
                "ring",
                "\(parameters.ring.printable): \(parameters.hash.printable), \(width) bits,"
                    + " identifiers from \(parameters.rule == .name ? "names" : "addresses"),"
                    + " lists of \(parameters.successorCount)"
            ),
            width: columns
        )
        if parameters.placements > 1 {
            lines.append(
                Self.line("place", "\(description.node.placeIndex) of \(parameters.placements)")
            )
        }
        if !description.node.failureDomain.isEmpty {
            let text = Self.line("domain", description.node.failureDomain.printable)
            lines += Paragraph.lines(text, width: columns)
        }
        if let range = description.range {
            let text =
                range.isWholeCircle
                ? "the whole circle"
                : "(\(hexadecimal(range.lowerBound)), \(hexadecimal(range.upperBound))]"
            lines += Paragraph.lines(Self.line("range", text), width: columns)
            lines.append(Self.line("share", "\((share(of: range) * 100).formatted(digits: 1)) %"))
        }
        if !hasPredecessor { lines.append(Self.line("predecessor", "none")) }
        lines += rows.dropFirst()
        if description.successors.isEmpty { lines.append(Self.line("successors", "none")) }
        let routes = count == 0 ? "nobody" : count.counted("node")
        lines.append(Self.line("routes by", routes))
        for (index, text) in (description.certificates?.texts(at: CertificateFile.now) ?? [])
            .enumerated()
        {
            lines.append(Self.line(index == 0 ? "certificate" : "", text))
        }
        if withTable, count > 0 { lines += [""] + table(width: columns) }
        return lines
    }

    private func table(width columns: Int?) -> [String] {
        var table = Table(columns: [
            .init(title: "name", least: 12), .init(title: "address"),
            .init(title: "identifier", least: 9, rank: 2),
            .init(title: "way to it", isNumeric: true, rank: 1),
        ])
        let space = description.parameters.space
        for node in description.table {
            let way = space.fraction(from: description.node.id, to: node.id) * 100
            table.rows.append([
                node.name, node.address, hexadecimal(node.id), "\(way.formatted(digits: 1)) %",
            ])
        }
        var lines = table.lines(width: columns)
        lines[0] = Style.heading(lines[0])
        return lines
    }

    private static func label(_ text: String) -> String {
        text.padding(toLength: "predecessor".count)
    }

    private static func line(_ label: String, _ text: String) -> String {
        "\(Self.label(label))  \(text)"
    }

    /// The description for JSON. Missing values are omitted.
    func members(withTable: Bool) -> [(String, JSON)] {
        let parameters = description.parameters
        var members: [(String, JSON)] = [
            ("node", .node(description.node, width: width)),
            ("phase", .string(description.phase.rawValue)),
            ("version", .string(description.version)),
            ("ring", .ring(parameters)),
        ]
        if let uptime = description.uptime { members.append(("uptime_ms", .time(uptime))) }
        if let range = description.range {
            members += [
                ("range", .range(range, width: width)),
                ("share", .number(share(of: range), digits: 6)),
            ]
        }
        if description.phase == .member, !isAlone {
            members.append(("predecessor", .node(description.predecessor, width: width)))
        }
        members += [
            ("successors", .nodes(description.successors, width: width)),
            ("head_unreached", .boolean(description.isHeadUnreached)),
            ("routes_by", .integer(description.table.count)),
        ]
        if let certificates = description.certificates {
            members.append(("certificate", certificates.json))
        }
        if withTable { members.append(("table", .nodes(description.table, width: width))) }
        return members
    }
}
