// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CLibEdit
import Dispatch
import NIOConcurrencyHelpers

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

// libedit calls functions without context, so what they use is global.

/// What the word at the cursor can become.
private let candidates = NIOLockedValueBox<(@Sendable (_ line: String) -> [String])?>(nil)
/// The completions that libedit takes one after the other.
private let matches = NIOLockedValueBox<[String]>([])

/// Reads lines: on a terminal with editing, history and completion by libedit, elsewhere as they are.
///
/// libedit reads on a thread of its own, one line at a time, and keeps its state in global variables: there is
/// one editor in a process.
enum LineEditor {
    private static let isTerminal = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1
    private static let queue = DispatchQueue(label: "chord.lines")

    /// Sets what completes words.
    ///
    /// - Parameter complete: the words that can follow the line so far, which ends where the word at the cursor
    ///   begins.
    static func setCompletion(_ complete: @escaping @Sendable (_ line: String) -> [String]) {
        candidates.withLockedValue { $0 = complete }
        clibedit_set_completion { text, start, _ in
            // The names of files are no words of this shell.
            clibedit_no_file_names()
            guard let text, let line = clibedit_line() else { return nil }
            let before = String(
                decoding: UnsafeRawBufferPointer(start: line, count: Int(start)),
                as: UTF8.self
            )
            let word = String(cString: text)
            let found = candidates.withLockedValue { $0 }?(before) ?? []
            matches.withLockedValue { $0 = found.filter { $0.hasPrefix(word) } }
            return rl_completion_matches(text) { _, state in
                matches.withLockedValue { matches in
                    let place = Int(state)
                    return matches.indices.contains(place) ? strdup(matches[place]) : nil
                }
            }
        }
    }

    /// Reads the next line, and gives it to `take` on another thread; nil at the end of the input.
    static func read(prompt: String, _ take: @escaping @Sendable (String?) -> Void) {
        queue.async {
            guard isTerminal else { return take(readLine()) }
            guard let bytes = readline(prompt) else { return take(nil) }
            defer { free(bytes) }
            let line = String(cString: bytes)
            if line.contains(where: { !$0.isWhitespace }) { add_history(line) }
            take(line)
        }
    }

    /// Leaves the terminal as it was, when the process ends while a line is read.
    static func restoreTerminal() {
        if isTerminal { clibedit_restore_terminal() }
    }
}
