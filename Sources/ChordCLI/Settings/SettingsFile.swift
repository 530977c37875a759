// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCommandLine

/// A file of settings: lines `NAME=value`.
struct SettingsFile: Equatable {
    /// The file in the current folder with the settings of commands that ask a ring.
    static let clientFile = ".chord.env"

    let path: String
    /// The values by the names of their variables.
    private(set) var values: [String: String] = [:]
    /// The line number of each.
    private(set) var lines: [String: Int] = [:]

    /// Reads a file.
    ///
    /// - Parameters:
    ///   - known: the settings that the file may contain.
    ///   - remedy: the hint if the file cannot be read.
    init(path: String, known: [Setting], remedy: String) throws(CommandFailure) {
        func unreadable(_ reason: String) -> CommandFailure {
            CommandFailure(
                .configuration,
                "cannot read the file \(path): \(reason)",
                hint: remedy
            )
        }
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try Files.bytes(of: path)
        } catch {
            throw unreadable(error.reason)
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw unreadable("it is not UTF-8 text")
        }
        try self.init(text, path: path, known: known)
    }

    /// Reads lines `NAME=value` like a shell: the value may be quoted, and `export` may precede the
    /// name. Empty lines and lines that start with # are ignored.
    init(_ text: String, path: String, known: [Setting]) throws(CommandFailure) {
        self.path = path
        let names = known.map(\.variable)
        let listed =
            names.count > 8
            ? "docs/configuration.md lists the names"
            : "the known names are \(names.joined(separator: ", "))"
        let rows = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (index, line) in rows.enumerated() {
            var setting = String(line).trimmed
            guard !setting.isEmpty, !setting.hasPrefix("#") else { continue }
            for blank in [" ", "\t"] where setting.hasPrefix("export" + blank) {
                setting = String(setting.dropFirst("export ".count)).trimmed
            }
            let place = "\(path), line \(index + 1)"
            guard let equals = setting.firstIndex(of: "=") else {
                throw CommandFailure(
                    .configuration,
                    "\(place): \"\(setting.prefix(60).description.printable)\" does not have the form NAME=value",
                    hint: listed
                )
            }
            let name = String(setting[..<equals]).trimmed
            guard names.contains(name) else {
                let suggestion = Suggestion.nearest(to: name, among: names).map {
                    "did you mean \($0)? "
                }
                throw CommandFailure(
                    .configuration,
                    "\(place): unknown setting \"\(name.prefix(60).description.printable)\"",
                    hint: "\(suggestion ?? "")\(listed)"
                )
            }
            let value = try Self.value(
                String(setting[setting.index(after: equals)...]).trimmed,
                place
            )
            if !value.isEmpty {
                values[name] = value
                lines[name] = index + 1
            }
        }
    }

    /// A value without its quotes and the comment after it.
    private static func value(
        _ text: String,
        _ place: String
    ) throws(CommandFailure) -> String {
        guard let quote = text.first, quote == "\"" || quote == "'" else {
            // As in a shell, a comment starts after a blank.
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
