// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What the process's environment and the file `.chord.env` of its folder say.
enum Environment {
    /// The file, in the current folder, of the settings that commands find a ring by.
    static let fileName = ".chord.env"

    /// An environment variable; an empty one counts as none.
    static func value(_ name: String) -> String? {
        ProcessInfo.processInfo.environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// A setting from the environment or, failing that, from the file.
    static func setting(_ name: String) throws(CommandFailure) -> String? {
        if let value = value(name) { return value }
        return try file()[name]
    }

    /// The settings in the file; none where there is no file.
    private static func file() throws(CommandFailure) -> [String: String] {
        guard FileManager.default.fileExists(atPath: fileName) else { return [:] }
        guard let text = try? String(contentsOfFile: fileName, encoding: .utf8) else {
            throw CommandFailure(
                .configuration,
                "the file \(fileName) cannot be read as text",
                hint: "remove it, or give --node, --certs-dir and --as"
            )
        }
        return try settings(in: text)
    }

    /// Reads lines `NAME=value`; empty lines and those that begin with # are passed over.
    static func settings(in text: String) throws(CommandFailure) -> [String: String] {
        let known = ["CHORD_NODE", "CHORD_CERTS_DIR", "CHORD_AS", "CHORD_SILENCE"]
        var result: [String: String] = [:]
        for (number, line) in text.split(
            omittingEmptySubsequences: false,
            whereSeparator: \.isNewline
        )
        .enumerated() {
            let trimmed = line.trimmingCharacters(in: .whitespaces)
            guard !trimmed.isEmpty, !trimmed.hasPrefix("#") else { continue }
            guard let equals = trimmed.firstIndex(of: "=") else {
                throw CommandFailure(
                    .configuration,
                    "\(fileName), line \(number + 1): \"\(trimmed.prefix(60).description.printable)\" is"
                        + " no NAME=value",
                    hint: "the names are \(known.joined(separator: ", "))"
                )
            }
            let name = trimmed[..<equals].trimmingCharacters(in: .whitespaces)
            guard known.contains(name) else {
                throw CommandFailure(
                    .configuration,
                    "\(fileName), line \(number + 1): nothing is called"
                        + " \"\(name.prefix(60).description.printable)\"",
                    hint: "the names are \(known.joined(separator: ", "))"
                )
            }
            let value = trimmed[trimmed.index(after: equals)...].trimmingCharacters(
                in: .whitespaces
            )
            if !value.isEmpty { result[name] = value }
        }
        return result
    }
}
