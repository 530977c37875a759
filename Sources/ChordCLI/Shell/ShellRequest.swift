// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordBase
import ChordCommandLine

/// A line that was typed, understood.
enum ShellRequest: Equatable {
    case help
    /// Whether the data are not handed over first.
    case quit(atOnce: Bool)
    case port(Int)
    case create
    case join(String)
    case ping(String)
    case get(String)
    case put(String, String)
    case delete(String)
    case putRandom(Int)
    case dump
    case dumpKey(String)
    case dumpAddress(String)
    case dumpAll

    /// The most keys that one `putrandom` stores: a few seconds of a ring on one machine.
    static let largestRandomCount = 10_000

    /// Understands a line; nil for an empty one.
    ///
    /// - Throws: a `CommandFailure` that says what the command takes.
    init?(_ line: String) throws(CommandFailure) {
        let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
        guard let first = words.first else { return nil }
        guard let verb = ShellVerb(rawValue: first) else {
            let near = Suggestion.nearest(to: first, among: ShellVerb.allCases.map(\.rawValue))
            throw CommandFailure(
                .usage,
                "there is no command \"\(first.prefix(40))\"",
                hint: near.map { "did you mean \($0)?" } ?? "help lists the commands"
            )
        }
        self = try Self(verb, Array(words.dropFirst()))
    }

    private init(_ verb: ShellVerb, _ words: [String]) throws(CommandFailure) {
        func word() throws(CommandFailure) -> String {
            guard words.count == 1 else { throw Self.wrong(verb) }
            return words[0]
        }
        switch verb {
        case .quit where words == ["now"]: self = .quit(atOnce: true)
        case .help, .quit, .create, .dump, .dumpall:
            guard words.isEmpty else { throw Self.wrong(verb) }
            self =
                switch verb {
                case .help: .help
                case .quit: .quit(atOnce: false)
                case .create: .create
                case .dump: .dump
                default: .dumpAll
                }
        case .port: self = .port(try Self.number(try word(), in: 1...65_535, of: verb))
        case .putrandom:
            self = .putRandom(
                try Self.number(try word(), in: 1...Self.largestRandomCount, of: verb)
            )
        case .join: self = .join(try Self.address(words, of: verb))
        case .ping: self = .ping(try Self.address(words, of: verb))
        case .dumpaddr: self = .dumpAddress(try Self.address(words, of: verb))
        case .get: self = .get(try word())
        case .delete: self = .delete(try word())
        case .dumpkey: self = .dumpKey(try word())
        case .put:
            guard words.count == 2 else { throw Self.wrong(verb) }
            self = .put(words[0], words[1])
        }
    }

    private static func wrong(_ verb: ShellVerb) -> CommandFailure {
        CommandFailure(.usage, "type: \(verb.usage)", hint: "it is to \(verb.summary)")
    }

    private static func number(
        _ text: String,
        in range: ClosedRange<Int>,
        of verb: ShellVerb
    ) throws(CommandFailure) -> Int {
        guard let number = Int(text), range.contains(number) else {
            throw CommandFailure(
                .usage,
                "\(verb) takes a number from \(range.lowerBound) to \(range.upperBound), not"
                    + " \"\(text.prefix(40))\""
            )
        }
        return number
    }

    /// An address as HOST:PORT, as HOST and PORT, or as :PORT of this machine.
    private static func address(
        _ words: [String],
        of verb: ShellVerb
    ) throws(CommandFailure) -> String {
        guard (1...2).contains(words.count) else { throw wrong(verb) }
        var text = words.joined(separator: ":")
        if text.hasPrefix(":") { text = "127.0.0.1\(text)" }
        do throws(AddressError) {
            _ = try NetworkAddress(text)
        } catch {
            throw CommandFailure(.usage, "\(error)", hint: "type: \(verb.usage)")
        }
        return text
    }
}
