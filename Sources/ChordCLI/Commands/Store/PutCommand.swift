// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import ChordBase
import ChordCommandLine

/// `chord put`.
struct PutCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "put",
        abstract: "Store a value.",
        discussion: """
            The value is the second argument, or the content of --file, or what is read from standard input; \
            its bytes are stored as they are. The key's former value and time to live are replaced.

            The exit code is 73 if --if-absent or --if-version does not hold, and 74 if the value may be stored \
            although the command failed: chord get shows whether it is.
            """
    )

    @OptionGroup
    var key: KeyOptions

    @Argument(help: "The value; any text.")
    var value: String?

    @Option(
        help: ArgumentHelp(
            "Read the value from this file; - stands for standard input.",
            valueName: "path"
        ),
        completion: .file()
    )
    var file: String?

    @Option(
        help: ArgumentHelp(
            "Delete the key after this time, \(Interval.help). Default: never.",
            valueName: "time"
        )
    )
    var ttl: Interval?

    @OptionGroup
    var condition: ConditionOptions

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup(title: "The ring")
    var ring: RingOptions

    func validate() throws {
        if value != nil, file != nil {
            throw ValidationError("Give a value or --file, not both.")
        }
        if let ttl, ttl.duration <= .zero {
            throw ValidationError("--ttl must be more than 0; without it the key does not expire.")
        }
    }

    func run() async throws {
        try await reportingFailures {
            let key = try key.resolved()
            let bytes = try content()
            try await ring.withClient { client in
                let result = try await client.store.put(
                    key,
                    bytes,
                    timeToLive: ttl?.duration,
                    if: condition.condition,
                    wantsPrevious: condition.previous
                )
                try WriteView(result, of: key, "stored", condition).show(json: json)
            }
        }
    }

    private func content() throws(CommandFailure) -> [UInt8] {
        if let value { return Array(value.utf8) }
        do throws(FileError) {
            guard let file, file != "-" else { return try Files.standardInput() }
            return try Files.bytes(of: file)
        } catch {
            throw CommandFailure(
                .configuration,
                "the value cannot be read: \(error)",
                hint:
                    "--file names a file with the value; without it the value is an argument or standard input"
            )
        }
    }
}

/// `chord delete`.
struct DeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Delete a key.",
        discussion: """
            A key that is absent already is no failure. The exit code is 73 if --if-version does not hold, and 74 \
            if the key may be deleted although the command failed.
            """
    )

    @OptionGroup
    var key: KeyOptions

    @OptionGroup
    var condition: ConditionOptions

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup(title: "The ring")
    var ring: RingOptions

    func run() async throws {
        try await reportingFailures {
            let key = try key.resolved()
            try await ring.withClient { client in
                let result = try await client.store.delete(
                    key,
                    if: condition.condition,
                    wantsPrevious: condition.previous
                )
                let verb =
                    result.previousVersion == nil && !result.isRepeated
                    ? "absent already" : "deleted"
                try WriteView(result, of: key, verb, condition).show(json: json)
            }
        }
    }
}

/// `chord touch`.
struct TouchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "touch",
        abstract: "Set the time to live of a key anew.",
        discussion: "Value and version stay. The exit code is 66 if the key is absent."
    )

    @OptionGroup
    var key: KeyOptions

    @Option(
        help: ArgumentHelp(
            "The time from now after which the key is deleted, \(Interval.help), or never.",
            valueName: "time"
        )
    )
    var ttl: Patience

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup(title: "The ring")
    var ring: RingOptions

    func validate() throws {
        if let time = ttl.duration, time <= .zero {
            throw ValidationError("--ttl must be more than 0, or never.")
        }
    }

    func run() async throws {
        try await reportingFailures {
            let key = try key.resolved()
            try await ring.withClient { client in
                let result = try await client.store.touch(key, timeToLive: ttl.duration)
                try WriteView(result, of: key, "touched", nil).show(json: json)
            }
        }
    }
}
