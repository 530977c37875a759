// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import ChordCommandLine

/// The keys to list or to count.
struct PrefixOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The partition of the keys.", valueName: "name"))
    var partition: String

    @Option(
        help: ArgumentHelp("Only keys that begin with this. Default: all.", valueName: "text")
    )
    var prefix: String = ""

    @OptionGroup
    var form: KeyForm

    @Flag(help: "Read from any replica, which may be behind; also without a majority.")
    var stale = false

    func validate() throws { _ = try resolved() }

    func resolved() throws -> (partition: [UInt8], prefix: [UInt8], level: StoreReadLevel) {
        guard !partition.isEmpty else {
            throw ValidationError("--partition is empty; is a shell variable not set?")
        }
        return (
            try form.bytes(partition, "--partition"), try form.bytes(prefix, "--prefix"),
            stale ? .stale : .linearizable
        )
    }
}

/// `chord list`.
struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the keys of a partition, or watch them.",
        discussion: """
            One line per key, in the order of their bytes, all of one version of the partition. Control characters \
            are escaped; --hex and --json tell all keys apart. With --watch the present state is printed and then \
            each change, in the order of versions; another leader, a split or a broken connection leaves nothing out.
            """
    )

    @OptionGroup
    var keys: PrefixOptions

    @Flag(help: "Print the values, too, after a tab.")
    var values = false

    @Option(help: ArgumentHelp("Print at most this many keys. Default: all.", valueName: "number"))
    var limit: Int?

    @OptionGroup
    var watching: WatchOptions

    @Flag(help: "Print JSON, one object per key.")
    var json = false

    @OptionGroup(title: "The ring")
    var ring: RingOptions

    func validate() throws {
        try watching.refuse(limit != nil, "--limit")
        try watching.refuse(keys.stale, "--stale")
        if let limit, limit < 1 { throw ValidationError("--limit must be 1 or more.") }
    }

    func run() async throws {
        try await reportingFailures {
            let wanted = try keys.resolved()
            try await ring.withClient { client in
                if watching.watch {
                    let watch = client.store.watch(
                        partition: wanted.partition,
                        prefix: wanted.prefix,
                        from: watching.after,
                        keysOnly: !values
                    )
                    return try await RowWatch(form: keys.form, withValues: values, asJSON: json)
                        .follow(watch)
                }
                let rows = client.store.list(
                    in: wanted.partition,
                    prefix: wanted.prefix,
                    keysOnly: !values,
                    level: wanted.level,
                    // Large pages: a partition that changes between two pages ends the list.
                    pageRows: min(limit ?? 10_000, 10_000)
                )
                var left = limit ?? .max
                for try await row in rows {
                    StandardStreams.output(json ? Self.json(row, values).line : line(row))
                    left -= 1
                    if left == 0 { break }
                }
            }
        }
    }

    private func line(_ row: StoreRow) -> String {
        let key = keys.form.text(row.key.name)
        guard values else { return key }
        let text = String(validating: row.value.bytes, as: UTF8.self)
        return key + "\t"
            + (text.map(\.printable) ?? "\(row.value.bytes.count.counted("byte")) that are no text")
    }

    static func json(_ row: StoreRow, _ withValues: Bool) -> JSON {
        .object(
            JSON.members("key", row.key.name) + JSON.members(of: row.value, withBytes: withValues)
        )
    }
}

/// `chord count`.
struct CountCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "count",
        abstract: "Count the keys of a partition."
    )

    @OptionGroup
    var keys: PrefixOptions

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup(title: "The ring")
    var ring: RingOptions

    func run() async throws {
        try await reportingFailures {
            let wanted = try keys.resolved()
            try await ring.withClient { client in
                let count = try await client.store.count(
                    in: wanted.partition,
                    prefix: wanted.prefix,
                    level: wanted.level
                )
                StandardStreams.output(
                    json ? JSON.object([("keys", .integer(count))]).lines : "\(count)"
                )
            }
        }
    }
}
