// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordCommandLine
import UnixSignals

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Reads lines and runs them one after the other, until `quit`, the end of the input, or a signal.
struct ShellLoop {
    private enum Event {
        /// A line was read; nil at the end of the input.
        case line(String?)
        /// The command in progress has ended; whether the shell goes on.
        case done(Result<Bool, any Error>)
        /// The node ended although nobody asked it to.
        case ended((any Error)?)
        case signal(UnixSignal)
    }

    private let settings: ShellSettings
    private let isTerminal = isatty(STDIN_FILENO) == 1

    init(_ settings: ShellSettings) {
        self.settings = settings
    }

    /// Runs to the end.
    ///
    /// - Returns: the code of a failure that ended a shell without a terminal; nil for success.
    func run() async -> CommandFailure.Kind? {
        let (events, stream) = AsyncStream.makeStream(of: Event.self)
        let words = ShellWords()
        LineEditor.setCompletion { words.completions(after: $0) }
        let session = ShellSession(settings, words: words) {
            StandardStreams.output($0)
        } ended: {
            stream.yield(.ended($0))
        }
        // Before there is a prompt: a signal that comes earlier ends the process.
        let trapped = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let signals = Task {
            for await signal in trapped {
                stream.yield(.signal(signal))
            }
        }
        defer {
            signals.cancel()
            LineEditor.restoreTerminal()
        }
        if isTerminal { StandardStreams.output("help lists the commands; create or join begins.") }
        let result = await handle(events, session) { stream.yield($0) }
        await session.stop()
        return result
    }

    private func handle(
        _ events: AsyncStream<Event>,
        _ session: ShellSession,
        _ add: @escaping @Sendable (Event) -> Void
    ) async -> CommandFailure.Kind? {
        func readLine() {
            LineEditor.read(prompt: "\(settings.name.printable)> ") { add(.line($0)) }
        }
        var running: Task<Void, Never>?
        var wasInterrupted = false
        readLine()
        for await event in events {
            switch event {
            case .line(nil): return nil
            case .line(let text?):
                wasInterrupted = false
                do throws(CommandFailure) {
                    guard let request = try ShellRequest(text) else {
                        readLine()
                        continue
                    }
                    running = Task {
                        do {
                            add(.done(.success(try await session.run(request))))
                        } catch {
                            add(.done(.failure(error)))
                        }
                    }
                } catch {
                    if let code = report(error) { return code }
                    readLine()
                }
            case .done(.success(false)): return nil
            case .done(let result):
                running = nil
                if case .failure(let error) = result, let code = report(error) { return code }
                readLine()
            case .ended(let reason):
                let failure = reason.map { CommandFailure(explaining: $0, in: .shell) }
                _ = report(
                    CommandFailure(
                        failure?.kind ?? .failed,
                        "the node has ended" + (failure.map { ": \($0.message)" } ?? ""),
                        hint: "create or join starts it again"
                    )
                )
            case .signal(.sigint):
                if let running {
                    running.cancel()
                } else if wasInterrupted || !isTerminal {
                    return nil
                } else {
                    wasInterrupted = true
                    StandardStreams.output(
                        "\nquit hands the data over and ends; Ctrl-C again ends at once"
                    )
                }
            case .signal:
                running?.cancel()
                return nil
            }
        }
        return nil
    }

    /// Prints a failure.
    ///
    /// - Returns: the code with which the shell ends; nil if it goes on, because a person can try again.
    private func report(_ error: any Error) -> CommandFailure.Kind? {
        let failure = CommandFailure(explaining: error, in: .shell)
        failure.report()
        return isTerminal ? nil : failure.kind
    }
}
