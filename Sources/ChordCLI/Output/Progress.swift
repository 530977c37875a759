// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCommandLine

/// Shows on standard error what a command waits for: one line that is updated on a terminal, or a
/// line every few seconds elsewhere. With JSON output nothing is shown, because standard error then
/// contains only errors.
struct Progress {
    /// The time between two lines without a terminal.
    static let pause = Duration.seconds(5)

    private let isTerminal: Bool
    private let isSilent: Bool
    private let clock = ContinuousClock()
    private let began: ContinuousClock.Instant
    private var told: ContinuousClock.Instant
    private var isShown = false

    init(isTerminal: Bool = StandardStreams.errorIsTerminal, isSilent: Bool = false) {
        self.isTerminal = isTerminal
        self.isSilent = isSilent
        began = clock.now
        told = began
    }

    /// Shows the text, unless it was just shown.
    mutating func tell(_ text: String) {
        guard !isSilent else { return }
        let now = clock.now
        let line = "\(text.printable) (\((now - began).components.seconds) s)"
        if isTerminal {
            isShown = true
            StandardStreams.status(line)
        } else if now - told >= Self.pause {
            told = now
            StandardStreams.error(line)
        }
    }

    /// Removes the line before the result is printed.
    mutating func end() {
        if isShown { StandardStreams.status(nil) }
        isShown = false
    }
}
