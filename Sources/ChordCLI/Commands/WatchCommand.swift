// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import ChordCommandLine

/// `chord watch`.
struct WatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Show each change of one node's place in the ring.",
        discussion: """
            The first line shows the present state. Each further line shows a change: its time (UTC, by the \
            node's clock), the old and the new value, and the cause. The command watches the first node of \
            --node that answers. SIGINT, SIGTERM and --count end it with code 0. If the node ends, \
            or can no longer be reached, that is an error.

            CAUSES
              joined      the node has become a member
              stabilized  maintenance found a nearer or newer neighbour
              rectified   another node became the predecessor
              merged      a member of another ring, or of another part of this ring, was accepted
              failed      a neighbour was found dead
              left        a neighbour, or the node itself, left
            """
    )

    @Option(
        help: ArgumentHelp(
            "Exit after this many events; the first line is not an event.",
            valueName: "n"
        )
    )
    var count: Int?

    @Flag(help: "Print a JSON object per line.")
    var json = false

    @OptionGroup(title: "The ring")
    var ring: RingOptions

    func validate() throws {
        if let count, count < 1 {
            throw ValidationError("--count is a number of events, at least 1.")
        }
    }

    func run() async throws {
        try await reportingFailures {
            try await ring.withClient { client in
                try await EndingSignals.untilEnded { [json, count] in
                    try await Self.follow(client.watch(), count: count, asJSON: json)
                }
            }
        }
    }

    /// Prints each message before the next one is read.
    private static func follow(_ watch: NodeWatch, count: Int?, asJSON: Bool) async throws {
        var view = NewsView()
        var events = 0
        for try await news in watch {
            let line = asJSON ? view.json(news).line : view.line(news)
            // The reader of standard output is gone.
            guard await StandardStreams.outputAwaited(line) else { return }
            if case .event = news.content { events += 1 }
            if let count, events >= count { return }
        }
    }
}

/// The output for the messages of a watched node.
struct NewsView {
    /// The identifier width of the node's ring, which the first message gives.
    private var width = IdentifierSpace.standard.width

    /// The message as a line of text.
    mutating func line(_ news: NodeNews) -> String {
        learn(from: news)
        let (what, text, cause) = words(for: news.content)
        let reason = cause.map { " (\($0.rawValue))" } ?? ""
        let label = what.padding(toLength: "predecessor".count)
        let gap = news.missed > 0 ? " (\(news.missed) earlier events were dropped)" : ""
        return "\(news.time.stamp)  \(label)  \(text)\(reason)\(gap)"
    }

    /// The message for JSON. Missing values are omitted.
    mutating func json(_ news: NodeNews) -> JSON {
        learn(from: news)
        let missed = news.missed > 0 ? [("missed", JSON.integer(news.missed))] : []
        return .object([("time", .string(news.time.stamp))] + members(for: news.content) + missed)
    }

    private mutating func learn(from news: NodeNews) {
        if case .now(let description) = news.content { width = description.parameters.space.width }
    }

    private func words(
        for content: NodeNews.Content
    ) -> (what: String, text: String, cause: RingEvent.Cause?) {
        func change(_ from: String, _ to: String) -> String { "from \(from) to \(to)" }
        switch content {
        case .now(let description):
            let node = description.node
            let ring = description.parameters.ring.printable
            var text = "\(node.name.printable) at \(node.address.printable), ring \(ring), "
            text += DescriptionView(description: description).phase
            if !description.successors.isEmpty {
                text += "; predecessor \(description.predecessor.name.printable), successors "
                text += names(description.successors)
            }
            return ("now", text, nil)
        case .event(.joined(let state)):
            let others = state.successors.filter { $0.id != state.node.id }
            let text =
                "\(state.node.name.printable); predecessor \(state.predecessor.name.printable),"
                + " successors \(names(others))"
            return ("joined", others.isEmpty ? "\(state.node.name.printable); alone" : text, nil)
        case .event(.rangeChanged(let from, let to, let cause)):
            return ("range", change(range(from), range(to)), cause)
        case .event(.predecessorChanged(let from, let to, let cause)):
            return ("predecessor", change(from.name.printable, to.name.printable), cause)
        case .event(.successorsChanged(let from, let to, let cause)):
            return ("successors", change(names(from), names(to)), cause)
        case .event(.successorsLost(let lost)):
            return ("lost", "all successors: \(names(lost))", nil)
        case .event(.left): return ("left", "the ring, and ends", nil)
        }
    }

    private func names(_ nodes: [NodeReference]) -> String {
        nodes.isEmpty ? "none" : nodes.map(\.name.printable).joined(separator: " ")
    }

    private func range(_ range: IdentifierRange?) -> String {
        guard let range else { return "nothing" }
        if range.isWholeCircle { return "the whole circle" }
        // Wide identifiers would make the line unreadable; JSON has them in full.
        func bound(_ id: Identifier) -> String { id.hexadecimal(width: width).shortened(to: 17) }
        return "(\(bound(range.lowerBound)), \(bound(range.upperBound))]"
    }

    private func members(for content: NodeNews.Content) -> [(String, JSON)] {
        func event(
            _ name: String,
            _ cause: RingEvent.Cause?,
            from: JSON?,
            to: JSON?
        ) -> [(String, JSON)] {
            [("event", .string(name))] + (cause.map { [("cause", .string($0.rawValue))] } ?? [])
                + (from.map { [("from", $0)] } ?? []) + (to.map { [("to", $0)] } ?? [])
        }
        func nodes(_ nodes: [NodeReference]) -> JSON { .nodes(nodes, width: width) }
        switch content {
        case .now(let description):
            return event("now", nil, from: nil, to: nil)
                + DescriptionView(description: description).members(withTable: false)
        case .event(.joined(let state)):
            return event("joined", nil, from: nil, to: nil) + [
                ("node", .node(state.node, width: width)),
                ("predecessor", .node(state.predecessor, width: width)),
                ("successors", nodes(state.successors)),
            ]
        case .event(.rangeChanged(let from, let to, let cause)):
            return event(
                "range",
                cause,
                from: from.map { .range($0, width: width) },
                to: to.map { .range($0, width: width) }
            )
        case .event(.predecessorChanged(let from, let to, let cause)):
            return event(
                "predecessor",
                cause,
                from: .node(from, width: width),
                to: .node(to, width: width)
            )
        case .event(.successorsChanged(let from, let to, let cause)):
            return event("successors", cause, from: nodes(from), to: nodes(to))
        case .event(.successorsLost(let lost)):
            return event("successors_lost", nil, from: nodes(lost), to: nil)
        case .event(.left): return event("left", nil, from: nil, to: nil)
        }
    }
}
