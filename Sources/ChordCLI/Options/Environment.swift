// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCommandLine

/// What the process's environment and the file `.chord.env` of its folder say.
enum Environment {
    /// The file, in the current folder, of the settings that commands find a ring by.
    static let fileName = ".chord.env"
    private static let known = ["CHORD_NODE", "CHORD_CERTS_DIR", "CHORD_AS", "CHORD_PEER_TIMEOUT"]

    /// A setting from the environment or, failing that, from the file.
    static func setting(_ name: String) throws(CommandFailure) -> String? {
        if let value = System.environment(name) { return value }
        return try file()[name]
    }

    /// The settings in the file; none where there is no file.
    private static func file() throws(CommandFailure) -> [String: String] {
        guard Files.exists(fileName) else { return [:] }
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try Files.bytes(of: fileName)
        } catch {
            throw unreadable(error.reason)
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw unreadable("it is not UTF-8 text")
        }
        return try settings(in: text)
    }

    private static func unreadable(_ reason: String) -> CommandFailure {
        CommandFailure(
            .configuration,
            "the file \(fileName) cannot be read: \(reason)",
            hint: "remove it, or give --node, --certs-dir and --as"
        )
    }

    /// Reads lines `NAME=value` as a shell would: the value may be quoted, and `export` may stand before the
    /// name. Empty lines and those that begin with # are passed over.
    static func settings(in text: String) throws(CommandFailure) -> [String: String] {
        var result: [String: String] = [:]
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (index, line) in lines.enumerated() {
            var setting = String(line).trimmed
            guard !setting.isEmpty, !setting.hasPrefix("#") else { continue }
            for blank in [" ", "\t"] where setting.hasPrefix("export" + blank) {
                setting = String(setting.dropFirst("export ".count)).trimmed
            }
            let place = "\(fileName), line \(index + 1)"
            guard let equals = setting.firstIndex(of: "=") else {
                throw CommandFailure(
                    .configuration,
                    "\(place): \"\(setting.prefix(60).description.printable)\" is no NAME=value",
                    hint: "the names are \(known.joined(separator: ", "))"
                )
            }
            let name = String(setting[..<equals]).trimmed
            guard known.contains(name) else {
                let suggestion = Suggestion.nearest(to: name, among: known).map {
                    "did you mean \($0)? "
                }
                throw CommandFailure(
                    .configuration,
                    "\(place): unknown setting \"\(name.prefix(60).description.printable)\"",
                    hint: "\(suggestion ?? "")the names are \(known.joined(separator: ", "))"
                )
            }
            let value = try value(String(setting[setting.index(after: equals)...]).trimmed, place)
            if !value.isEmpty { result[name] = value }
        }
        return result
    }

    /// A value without the quotes around it and the comment after them.
    private static func value(
        _ text: String,
        _ place: String
    ) throws(CommandFailure) -> String {
        guard let quote = text.first, quote == "\"" || quote == "'" else {
            // As in a shell, a comment begins after a blank.
            let comment = text.firstRange(of: " #")?.lowerBound
            return String(text[..<(comment ?? text.endIndex)]).trimmed
        }
        let inside = text.dropFirst()
        guard let end = inside.firstIndex(of: quote) else {
            throw CommandFailure(
                .configuration,
                "\(place): the quote \(quote) is not closed",
                hint: "write NAME=value, or NAME=\(quote)value\(quote)"
            )
        }
        let rest = String(inside[inside.index(after: end)...]).trimmed
        guard rest.isEmpty || rest.hasPrefix("#") else {
            throw CommandFailure(
                .configuration,
                "\(place): \"\(rest.prefix(60).description.printable)\" follows the closing quote",
                hint: "write NAME=value, or NAME=\(quote)value\(quote)"
            )
        }
        return String(inside[..<end])
    }
}
