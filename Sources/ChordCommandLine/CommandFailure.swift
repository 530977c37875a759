// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// Why a command failed: the problem and the remedy, for the user.
package struct CommandFailure: Error, Equatable {
    /// The exit codes, as in sysexits.h where possible.
    package enum Kind: Int32, CaseIterable {
        case failed = 1
        case usage = 64
        /// The key does not exist.
        case absent = 66
        case unavailable = 69
        /// The condition of a write did not hold.
        case condition = 73
        /// A write failed, and may have been done nevertheless.
        case inDoubt = 74
        case notIdeal = 75
        case refused = 77
        case configuration = 78

        /// The name in JSON.
        package var name: String {
            switch self {
            case .failed: "failed"
            case .usage: "usage"
            case .absent: "absent"
            case .condition: "condition"
            case .inDoubt: "in_doubt"
            case .unavailable: "unavailable"
            case .notIdeal: "not_ideal"
            case .refused: "refused"
            case .configuration: "configuration"
            }
        }
    }

    package let kind: Kind
    package let message: String
    package let hint: String?

    package init(_ kind: Kind, _ message: String, hint: String? = nil) {
        self.kind = kind
        self.message = message
        self.hint = hint
    }

    /// The problem and the remedy, one line each.
    package var lines: [String] {
        ["\(CommandProcess.name): \(Self.line(message))"]
            + (hint.map { ["hint: \(Self.line($0))"] } ?? [])
    }

    /// The failure for JSON.
    package var json: JSON {
        .object(
            [("code", .string(kind.name)), ("message", .string(Self.line(message)))]
                + (hint.map { [("hint", .string(Self.line($0)))] } ?? [])
                + [("exit_code", .integer(Int(kind.rawValue)))]
        )
    }

    private static func line(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: " ").printable
    }

    /// Prints the failure on standard error, as JSON if the command line asks for JSON.
    package func report() {
        guard !Self.isToldAsJSON else { return StandardStreams.error(json.line) }
        for line in lines { StandardStreams.error(line) }
    }

    /// Whether the command line asks for JSON. Words after `--` are not options.
    private static let isToldAsJSON = CommandLine.arguments.prefix { $0 != "--" }.contains("--json")
}

extension CommandFailure {
    /// Runs a command. Turns errors into lines on standard error and an exit code.
    ///
    /// - Parameter explain: explains other errors to the user.
    package static func reporting(
        explaining explain: (any Error) -> CommandFailure = { .init(.failed, "\($0)") },
        _ body: () async throws -> Void
    ) async throws {
        do {
            try await body()
        } catch let code as ExitCode {
            throw code
        } catch let error as ValidationError {
            throw error
        } catch {
            let failure = error as? CommandFailure ?? explain(error)
            failure.report()
            throw ExitCode(failure.kind.rawValue)
        }
    }
}
