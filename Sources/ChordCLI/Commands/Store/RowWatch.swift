// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import ChordCommandLine

/// Whether a command goes on with the changes.
struct WatchOptions: ParsableArguments {
    @Flag(
        help: """
            Go on with each change, until SIGINT or SIGTERM. Lines: put, delete or expire, then the key, the version \
            and the value.
            """
    )
    var watch = false

    @Option(
        help: ArgumentHelp(
            "With --watch: only the changes after this version, which an earlier --watch has printed.",
            valueName: "version"
        )
    )
    var after: UInt64?

    func validate() throws {
        if after != nil, !watch { throw ValidationError("--after needs --watch.") }
        if after == 0 { throw ValidationError("--after must be 1 or more.") }
    }

    /// Refuses what does not go with `--watch`.
    func refuse(_ isGiven: Bool, _ option: String) throws {
        if watch, isGiven { throw ValidationError("\(option) does not go with --watch.") }
    }
}

/// Prints what a watch tells, one line for each key.
struct RowWatch: Sendable {
    let form: KeyForm
    let withValues: Bool
    let asJSON: Bool

    /// Prints until a signal comes, or until nobody reads the output any more.
    func follow(_ watch: StoreWatch) async throws {
        try await EndingSignals.untilEnded {
            for try await event in watch {
                for line in asJSON ? json(event) : text(event) {
                    guard await StandardStreams.outputAwaited(line) else { return }
                }
                if case .interrupted(let reason) = event {
                    StandardStreams.error("chord: \(reason); the watch goes on at another node")
                }
            }
        }
    }

    // MARK: - Text

    /// The lines for people. Each ends up on standard output at once.
    func text(_ event: StoreWatchEvent) -> [String] {
        switch event {
        case .stateBegins(let afterGap):
            [afterGap ? "state after a gap: changes before it are missing" : "state"]
        case .row(let row): [line("put", row.key, row.value.version, row.value.bytes)]
        case .stateIsComplete(let version): ["complete \(version)"]
        case .changed(let change): change.keys.map { line($0, change.version) }
        case .progress, .interrupted: []
        }
    }

    private func line(_ change: StoreKeyChange, _ version: UInt64) -> String {
        switch change.kind {
        case .put(let value): line("put", change.key, version, value.bytes)
        case .deleted: line("delete", change.key, version, nil)
        case .expired: line("expire", change.key, version, nil)
        }
    }

    private func line(
        _ word: String,
        _ key: StoreKey,
        _ version: UInt64,
        _ value: [UInt8]?
    ) -> String {
        let head = "\(word) \(form.text(key.name)) \(version)"
        guard withValues, let value else { return head }
        let text = String(validating: value, as: UTF8.self)
        return head + " "
            + (text.map(\.printable) ?? "(\(value.count.counted("byte")) that are no text)")
    }

    // MARK: - JSON

    /// The objects, one for each key.
    func json(_ event: StoreWatchEvent) -> [String] {
        func object(_ name: String, _ members: [(String, JSON)]) -> String {
            JSON.object([("event", .string(name))] + members).line
        }
        switch event {
        case .stateBegins(let afterGap):
            return [object("state", [("after_gap", .boolean(afterGap))])]
        case .row(let row):
            return [object("row", members(of: row.key) + members(of: row.value))]
        case .stateIsComplete(let version):
            return [object("complete", [("version", .version(version))])]
        case .progress(let version): return [object("progress", [("version", .version(version))])]
        case .interrupted: return []
        case .changed(let change):
            return change.keys.enumerated().map { index, key in
                let more: [(String, JSON)] =
                    index + 1 < change.keys.count ? [("more", .boolean(true))] : []
                switch key.kind {
                case .put(let value):
                    return object("put", members(of: key.key) + members(of: value) + more)
                case .deleted:
                    let version = [("version", JSON.version(change.version))]
                    return object("delete", members(of: key.key) + version + more)
                case .expired:
                    let version = [("version", JSON.version(change.version))]
                    return object("expire", members(of: key.key) + version + more)
                }
            }
        }
    }

    private func members(of key: StoreKey) -> [(String, JSON)] { JSON.members("key", key.name) }

    private func members(of value: StoreValue) -> [(String, JSON)] {
        JSON.members(of: value, withBytes: withValues)
    }
}
