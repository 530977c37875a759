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

/// The process of a command: its preparation and its end.
package enum CommandProcess {
    private static let programName = NIOLockedValueBox("chord")

    /// The program's name, with which each of its messages begins.
    package static var name: String { programName.withLockedValue { $0 } }

    /// Prepares standard descriptors and signals. `main` calls it before its first `await`, because
    /// the runtime opens files when it switches threads, and these would get the numbers of closed
    /// descriptors.
    package static func prepare() {
        openStandardDescriptors()
        ignoreSignalsOfWriting()
    }

    /// Runs the command of the command line, and ends the process. `prepare()` must be called
    /// first.
    ///
    /// - Parameters:
    ///   - root: the program, whose command name is its name.
    ///   - hint: the remedy for an argument that is not text.
    ///   - expand: adds options from other sources to the command line.
    package static func run(
        _ root: any ParsableCommand.Type,
        hintForBytes hint: String? = nil,
        expanding expand: ([String]) throws(CommandFailure) -> [String] = { $0 }
    ) async -> Never {
        if let name = root.configuration.commandName { programName.withLockedValue { $0 = name } }
        if let place = unreadableArgument() {
            StandardStreams.error(
                "\(name): argument \(place) is not UTF-8 text; names, keys and paths must be text"
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
            // Requested help, and exit codes of commands that have already printed the reason.
            guard root.exitCode(for: error) == .validationFailure, !(error is ExitCode) else {
                end(with: error, of: root)
            }
            let failure = CommandFailure(usage: error, in: arguments, of: root)
            failure.report()
            end(with: failure.kind.rawValue)
        }
    }

    /// Ends with ArgumentParser's text and exit code for an error; help goes to standard output.
    private static func end(with error: any Error, of root: any ParsableCommand.Type) -> Never {
        let code = root.exitCode(for: error).rawValue
        let text = root.fullMessage(for: error)
        if !text.isEmpty {
            if code == 0 { StandardStreams.output(text) } else { StandardStreams.error(text) }
        }
        end(with: code)
    }

    /// Ends the process. Output that could not be printed is a failure, unless there was another
    /// one.
    private static func end(with code: Int32) -> Never {
        guard code == 0, let failure = StandardStreams.outputFailure else { exit(code) }
        StandardStreams.error("\(name): cannot write to standard output: \(failure)")
        StandardStreams.error(
            "hint: the command may have had its effect, but its output is incomplete"
        )
        exit(CommandFailure.Kind.failed.rawValue)
    }

    /// Opens /dev/null for standard descriptors that are closed. Otherwise the next file or socket
    /// would get their numbers, and log lines would be written into it.
    private static func openStandardDescriptors() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            // The kernel returns the lowest free number, which is this one.
            guard open("/dev/null", O_RDWR) >= 0 else { exit(71) }
        }
    }

    /// A reader that ends, or a file that reaches its size limit, is an error of the write and must
    /// not end the process.
    private static func ignoreSignalsOfWriting() {
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
    }

    /// The index of the first argument that is not UTF-8. `CommandLine.arguments` has it repaired,
    /// which would be a different key, name or path.
    private static func unreadableArgument() -> Int? {
        for index in 1..<max(1, Int(CommandLine.argc)) {
            guard let bytes = CommandLine.unsafeArgv[index] else { continue }
            if String(validatingCString: bytes) == nil { return index }
        }
        return nil
    }
}
