// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// Why a command failed, for the person who typed it: what was wrong, and what to do about it.
struct CommandFailure: Error, Equatable {
    /// The exit codes, as far as they can be those of sysexits.h. The command line itself is judged by
    /// ArgumentParser, which exits with 64.
    enum Kind: Int32 {
        case failed = 1
        case unavailable = 69
        case refused = 77
        case configuration = 78
    }

    let kind: Kind
    let message: String
    let hint: String?

    init(_ kind: Kind, _ message: String, hint: String? = nil) {
        self.kind = kind
        self.message = message
        self.hint = hint
    }

    /// One line each for what was wrong and what to do.
    var lines: [String] {
        func line(_ text: String) -> String {
            text.split(whereSeparator: \.isNewline).joined(separator: " ").printable
        }
        return ["chord: \(line(message))"] + (hint.map { ["hint: \(line($0))"] } ?? [])
    }
}

/// Runs a command and turns what it throws into lines on standard error and an exit code.
func reportingFailures(_ body: () async throws -> Void) async throws {
    do {
        try await body()
    } catch let code as ExitCode {
        throw code
    } catch let error as ValidationError {
        throw error
    } catch {
        let failure = CommandFailure(explaining: error)
        for line in failure.lines { Standard.error(line) }
        throw ExitCode(failure.kind.rawValue)
    }
}
