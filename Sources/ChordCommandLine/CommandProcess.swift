// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
import NIOConcurrencyHelpers

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The process of a command: what has to be right before it runs, and how it ends.
package enum CommandProcess {
    private static let programName = NIOLockedValueBox("chord")

    /// The program's name, which begins each of its messages.
    package static var name: String { programName.withLockedValue { $0 } }

    /// Prepares standard descriptors and signals. `main` calls it before its first `await`: the runtime opens
    /// files of its own when it switches threads, and would take the numbers of closed descriptors.
    package static func prepare() {
        openStandardDescriptors()
        ignoreSignalsOfWriting()
    }

    /// Runs the command that the command line names, and ends the process. `prepare()` comes first.
    ///
    /// - Parameters:
    ///   - root: the program, whose command name is its name.
    ///   - hint: what to do about an argument that is no text.
    ///   - expand: adds options to the command line that come from elsewhere.
    package static func run(
        _ root: any ParsableCommand.Type,
        hintForBytes hint: String? = nil,
        expanding expand: ([String]) throws(CommandFailure) -> [String] = { $0 }
    ) async -> Never {
        if let name = root.configuration.commandName { programName.withLockedValue { $0 = name } }
        if let place = unreadableArgument() {
            StandardStreams.error(
                "\(name): argument \(place) is not UTF-8 text: names, keys and paths are text here"
            )
            if let hint { StandardStreams.error("hint: \(hint)") }
            end(with: 64)
        }
        let typed = Array(CommandLine.arguments.dropFirst())
        let arguments: [String]
        do throws(CommandFailure) {
            arguments = try expand(typed)
        } catch {
            error.report()
            end(with: error.kind.rawValue)
        }
        do {
            var command = try root.parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            end(with: 0)
        } catch {
            // Help that was asked for, and exit codes of commands that have said why themselves.
            guard root.exitCode(for: error) == .validationFailure else {
                end(with: error, of: root)
            }
            let failure = CommandFailure(usage: error, in: arguments, of: root)
            failure.report()
            end(with: failure.kind.rawValue)
        }
    }

    /// Ends with what ArgumentParser makes of an error: a text, for help on standard output, and a code.
    private static func end(with error: any Error, of root: any ParsableCommand.Type) -> Never {
        let code = root.exitCode(for: error).rawValue
        let text = root.fullMessage(for: error)
        if !text.isEmpty {
            if code == 0 { StandardStreams.output(text) } else { StandardStreams.error(text) }
        }
        end(with: code)
    }

    /// Ends the process. What could not be printed is a failure, where nothing else was.
    private static func end(with code: Int32) -> Never {
        guard code == 0, let failure = StandardStreams.outputFailure else { exit(code) }
        StandardStreams.error("\(name): standard output cannot be written: \(failure)")
        StandardStreams.error("hint: what was asked for may be done, and its result is not whole")
        exit(CommandFailure.Kind.failed.rawValue)
    }

    /// Opens /dev/null in place of standard descriptors that are closed. Otherwise the next file or socket
    /// would become one of them, and log lines would go into it.
    private static func openStandardDescriptors() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            // The lowest free number, which is this one.
            guard open("/dev/null", O_RDWR) >= 0 else { exit(71) }
        }
    }

    /// A reader that goes away, or a file that may not grow, is an error of the write and not the end of a
    /// member.
    private static func ignoreSignalsOfWriting() {
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
    }

    /// The place of the first argument that is not UTF-8. `CommandLine.arguments` has it repaired, which
    /// makes another key, name or path of it.
    private static func unreadableArgument() -> Int? {
        for index in 1..<max(1, Int(CommandLine.argc)) {
            guard let bytes = CommandLine.unsafeArgv[index] else { continue }
            if String(validatingCString: bytes) == nil { return index }
        }
        return nil
    }
}
