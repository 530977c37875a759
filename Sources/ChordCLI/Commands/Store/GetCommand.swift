// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import ChordCommandLine

/// `chord get`.
struct GetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Print the value of a key, or watch it.",
        discussion: """
            A pipe or a file gets the bytes as they are. On a terminal, text ends with a line break, and control \
            characters are escaped. The exit code is 66 if the key is absent. With --watch the present state is \
            printed and then each change, in the order of versions; another leader or a broken connection leaves \
            nothing out.
            """
    )

    @OptionGroup
    var key: KeyOptions

    @Flag(help: "Read from any replica, which may be behind; also without a majority.")
    var stale = false

    @OptionGroup
    var watching: WatchOptions

    @Flag(
        help:
            "Print JSON, with version and remaining time to live; with --watch an object per line."
    )
    var json = false

    @OptionGroup(title: "The ring")
    var ring: RingOptions

    func validate() throws { try watching.refuse(stale, "--stale") }

    func run() async throws {
        try await reportingFailures {
            let form = key.form
            let key = try key.resolved()
            try await ring.withClient { client in
                if watching.watch {
                    return try await RowWatch(form: form, withValues: true, asJSON: json)
                        .follow(client.store.watch(key, from: watching.after))
                }
                let reading = try await client.store.get(
                    [key.name],
                    in: key.partition ?? key.name,
                    level: stale ? .stale : .linearizable
                )
                guard let value = reading.values[0] else { throw CommandFailure.absent(key) }
                if json {
                    StandardStreams.output(Self.json(key, value, reading.lag).lines)
                } else {
                    try show(value.bytes)
                }
                if let lag = reading.lag, !json { StandardStreams.error(Self.text(of: lag)) }
            }
        }
    }

    static func json(_ key: StoreKey, _ value: StoreValue, _ lag: StoreLag?) -> JSON {
        var members = JSON.members(of: key) + JSON.members(of: value)
        if let lag { members.append(("lag", .lag(lag))) }
        return .object(members)
    }

    static func text(of lag: StoreLag) -> String {
        "chord: read from a replica that knows of \(lag.entries.counted("write")) more, and heard from a"
            + " leader \(lag.silence.inWords) ago"
    }

    private func show(_ bytes: [UInt8]) throws(CommandFailure) {
        guard StandardStreams.outputIsTerminal else { return StandardStreams.output(bytes: bytes) }
        guard let lines = Self.lines(of: bytes) else {
            throw CommandFailure(
                .failed,
                "the value has \(bytes.count.counted("byte")) that are no text",
                hint: "write them to a file with > FILE, or print them with --json"
            )
        }
        for line in lines { StandardStreams.output(line) }
    }

    /// A value as lines for a terminal; nil for bytes that are no text.
    static func lines(of bytes: [UInt8]) -> [String]? {
        guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.count > 1, lines.last == "" { lines.removeLast() }
        return lines.map { line in
            line.split(separator: "\t", omittingEmptySubsequences: false)
                .map { String($0).printable }.joined(separator: "\t")
        }
    }
}

extension JSON {
    static func lag(_ lag: StoreLag) -> JSON {
        .object([("entries", .integer(lag.entries)), ("silent_ms", .time(lag.silence))])
    }
}
