// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCommandLine

/// What a command waits for, told on standard error: one line that is written anew on a terminal, a line
/// every few seconds elsewhere. Nothing is told where the command line asks for JSON: what stands on
/// standard error then is an error.
struct Progress {
    /// Between two lines where there is no terminal.
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

    /// Tells what is waited for, unless that was told just now.
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

    /// Takes the line away: what comes next on the terminal is the result.
    mutating func end() {
        if isShown { StandardStreams.status(nil) }
        isShown = false
    }
}
