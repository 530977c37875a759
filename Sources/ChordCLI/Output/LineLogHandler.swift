// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCommandLine
import Logging

/// Writes log records to standard error, one line each.
struct LineLogHandler: LogHandler {
    /// The format of log lines.
    enum Format: String, CaseIterable {
        /// Time, level, message, sorted metadata.
        case text
        /// One JSON object.
        case json
    }

    let format: Format
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    init(format: Format, level: Logger.Level) {
        self.format = format
        logLevel = level
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
        if let own = event.metadata { all.merge(own) { $1 } }
        let sorted = all.sorted { $0.key < $1.key }
        let line = Self.line(format, .sinceEpoch, event.level, "\(event.message)", sorted)
        let node = metadata.filter { $0.key == "chord.node" }
        LogSink.standardError.write(line) { lost, reason in
            let told: Logger.Metadata = ["chord.error": "\(reason)", "chord.log.lost": "\(lost)"]
                .merging(node) { $1 }
            return Self.line(
                format,
                .sinceEpoch,
                .warning,
                "log lines could not be written and are lost",
                told.sorted { $0.key < $1.key }
            )
        }
    }

    static func line(
        _ format: Format,
        _ time: Duration,
        _ level: Logger.Level,
        _ message: String,
        _ metadata: [(key: String, value: Logger.MetadataValue)]
    ) -> String {
        let stamp = time.stamp
        switch format {
        case .text:
            let name = level.rawValue.padding(toLength: 7)
            let pairs = metadata.map { " \($0.key.printable)=\(word(text(of: $0.value)))" }
            return "\(stamp) \(name) \(message.printable)\(pairs.joined())"
        case .json:
            let fixed: [(String, JSON)] = [
                ("time", .string(stamp)), ("level", .string(level.rawValue)),
                ("message", .string(message)),
            ]
            return JSON.object(fixed + metadata.map { ($0.key, json(of: $0.value)) }).line
        }
    }

    /// A list without brackets and quotes, for readability.
    private static func text(of value: Logger.MetadataValue) -> String {
        switch value {
        case .array(let values): values.map(text).joined(separator: ",")
        case .dictionary(let members):
            members.sorted { $0.key < $1.key }.map { "\($0.key):\(text(of: $0.value))" }
                .joined(separator: ",")
        case .string(let text): text
        case .stringConvertible(let value): "\(value)"
        }
    }

    private static func json(of value: Logger.MetadataValue) -> JSON {
        switch value {
        case .array(let values): .array(values.map(json))
        case .dictionary(let members):
            .object(members.sorted { $0.key < $1.key }.map { ($0.key, json(of: $0.value)) })
        case .string(let text): .string(text)
        case .stringConvertible(let value): .string("\(value)")
        }
    }

    /// The text as one word: quoted if it contains blanks, so that programs can parse the line.
    private static func word(_ text: String) -> String {
        let plain = text.printable
        guard plain.isEmpty || plain.contains(where: { " \"=".contains($0) }) else { return plain }
        return "\"" + plain.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}
