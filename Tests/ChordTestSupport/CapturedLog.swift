// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import Logging

/// A log that keeps its lines.
package final class CapturedLog: Sendable {
    package struct Line: Sendable, CustomStringConvertible {
        package let level: Logger.Level
        package let message: String
        /// That of the logger and of the line.
        package let metadata: Logger.Metadata

        package var description: String { "\(level): \(message) \(metadata)" }
    }

    private let box = Watched<[Line]>([])
    private let level: Logger.Level

    /// - Parameter level: the lowest level that is kept.
    package init(level: Logger.Level = .trace) {
        self.level = level
    }

    package var lines: [Line] { box.withLockedValue { $0 } }

    /// The lines whose message contains a text.
    package func lines(with text: String) -> [Line] { lines.filter { $0.message.contains(text) } }

    /// Waits until a condition of the lines holds.
    package func until(_ condition: @escaping @Sendable ([Line]) -> Bool) async throws {
        try await box.until(condition)
    }

    package var logger: Logger {
        Logger(label: "test") { _ in Handler(log: self, logLevel: self.level) }
    }

    private struct Handler: LogHandler {
        let log: CapturedLog
        var metadata: Logger.Metadata = [:]
        var logLevel: Logger.Level

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let line = Line(
                level: event.level,
                message: "\(event.message)",
                metadata: metadata.merging(event.metadata ?? [:]) { $1 }
            )
            log.box.withLockedValue { $0.append(line) }
        }
    }
}
