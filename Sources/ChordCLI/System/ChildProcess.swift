// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCommandLine
import Dispatch

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A child process in its own process group. A terminal's Ctrl-C therefore reaches only this
/// command, which then ends its children in order.
///
/// Its standard input is a pipe from this process, which closes when this process ends.
final class ChildProcess: Sendable {
    /// How a process ended.
    enum Ending: Sendable, CustomStringConvertible {
        case exit(Int32)
        case signal(Int32)

        var description: String {
            switch self {
            case .exit(let code): "exit code \(code)"
            case .signal(let number): "signal \(number)"
            }
        }
    }

    let identifier: Int32
    private let input: Int32

    private static let queue = DispatchQueue(label: "chord.children")

    /// Starts a process.
    ///
    /// - Parameters:
    ///   - log: the descriptor of its standard error.
    ///   - onLine: receives each line of its standard output.
    ///   - onEnd: is called once, after the last line.
    /// - Throws: a `FileError` that names the program.
    init(
        _ program: String,
        _ arguments: [String],
        log: Int32,
        onLine: @escaping @Sendable (String) -> Void,
        onEnd: @escaping @Sendable (Ending) -> Void
    ) throws(FileError) {
        let input = try Self.pipe(program)
        let output: (reading: Int32, writing: Int32)
        do throws(FileError) {
            output = try Self.pipe(program)
        } catch {
            close(input.reading)
            close(input.writing)
            throw error
        }
        defer {
            close(input.reading)
            close(output.writing)
        }
        do throws(FileError) {
            identifier = try Self.spawn(
                program,
                arguments,
                [
                    (input.reading, STDIN_FILENO), (output.writing, STDOUT_FILENO),
                    (log, STDERR_FILENO),
                ]
            )
        } catch {
            close(input.writing)
            close(output.reading)
            throw error
        }
        self.input = input.writing
        Self.read(output.reading, of: identifier, onLine, onEnd)
    }

    deinit { close(input) }

    /// Asks the process to end. It must not have been reported as ended.
    func terminate() { SignalSending.terminate(identifier) }

    /// Ends the process at once. It must not have been reported as ended.
    func kill() { SignalSending.kill(identifier) }

    /// Creates two descriptors that child processes do not inherit by default.
    private static func pipe(
        _ program: String
    ) throws(FileError) -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [-1, -1]
        guard makePipe(&ends) == 0 else { throw FileError(last: program) }
        // Processes are created one after the other, so none is created between these calls.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    private static func makePipe(_ ends: UnsafeMutablePointer<Int32>) -> Int32 {
        #if canImport(Glibc)
        Glibc.pipe(ends)
        #elseif canImport(Musl)
        Musl.pipe(ends)
        #else
        Darwin.pipe(ends)
        #endif
    }

    private static func spawn(
        _ program: String,
        _ arguments: [String],
        _ descriptors: [(from: Int32, to: Int32)]
    ) throws(FileError) -> Int32 {
        #if canImport(Darwin)
        var actions: posix_spawn_file_actions_t?
        var attributes: posix_spawnattr_t?
        #else
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        #endif
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        for (from, to) in descriptors { posix_spawn_file_actions_adddup2(&actions, from, to) }
        // Signals handled by this process are ignored here, and would be ignored in the child.
        var trapped = sigset_t()
        sigemptyset(&trapped)
        for signal in [SIGTERM, SIGINT, SIGHUP, SIGPIPE] { sigaddset(&trapped, signal) }
        posix_spawnattr_setsigdefault(&attributes, &trapped)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes,
            Int16(POSIX_SPAWN_SETSIGDEF) | Int16(POSIX_SPAWN_SETPGROUP)
        )
        var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) }
        words.append(nil)
        defer { for word in words { free(word) } }
        var identifier: pid_t = 0
        let code = posix_spawn(&identifier, program, &actions, &attributes, words, environ)
        guard code == 0 else { throw FileError(path: program, number: code) }
        return identifier
    }

    /// Delivers lines until the process closes its output, at the latest when it ends.
    private static func read(
        _ descriptor: Int32,
        of process: Int32,
        _ onLine: @escaping @Sendable (String) -> Void,
        _ onEnd: @escaping @Sendable (Ending) -> Void
    ) {
        let source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
        let lines = LineReader()
        source.setEventHandler {
            var buffer = [UInt8](repeating: 0, count: 4096)
            #if canImport(Glibc)
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            #elseif canImport(Musl)
            let count = Musl.read(descriptor, &buffer, buffer.count)
            #else
            let count = Darwin.read(descriptor, &buffer, buffer.count)
            #endif
            if count < 0, errno == EINTR || errno == EAGAIN { return }
            guard count > 0 else { return source.cancel() }
            for line in lines.append(buffer[..<count]) { onLine(line) }
        }
        source.setCancelHandler {
            close(descriptor)
            onEnd(ending(of: process))
        }
        source.resume()
    }

    private static func ending(of process: Int32) -> Ending {
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 {
            guard errno == EINTR else { return .exit(-1) }
        }
        let signal = status & 0x7f
        return signal == 0 ? .exit((status >> 8) & 0xff) : .signal(signal)
    }

    /// The path of this program.
    static var ownProgram: String {
        var path = [UInt8](repeating: 0, count: 4096)
        let count = path.withUnsafeMutableBytes { bytes in
            bytes.withMemoryRebound(to: CChar.self) { characters in
                characters.baseAddress.map { readlink("/proc/self/exe", $0, characters.count) } ?? 0
            }
        }
        return count > 0
            ? String(decoding: path[..<count], as: UTF8.self) : CommandLine.arguments[0]
    }
}

/// Splits the input into lines.
private final class LineReader: @unchecked Sendable {
    // Confined to the serial queue of the children.
    private var rest: [UInt8] = []

    func append(_ bytes: ArraySlice<UInt8>) -> [String] {
        rest += bytes
        var lines: [String] = []
        while let end = rest.firstIndex(of: 0x0a) {
            lines.append(String(decoding: rest[..<end], as: UTF8.self))
            rest.removeSubrange(...end)
        }
        return lines
    }
}
