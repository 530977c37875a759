// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Foundation
import Synchronization

/// A `chord` command in a pseudo-terminal, as a person has it in a window.
final class TerminalWindow: Sendable {
    private let process = Process()
    private let terminal: FileHandle
    private let shown = Mutex<(bytes: [UInt8], hasEnded: Bool)>(([], false))
    private let prompt: String

    /// Opens a window and waits for the prompt.
    ///
    /// - Parameter prompt: what the command prints when it waits for a line.
    init(_ arguments: [String], prompt: String) async throws {
        self.prompt = prompt
        let (main, path) = try Self.terminal()
        terminal = FileHandle(fileDescriptor: main, closeOnDealloc: true)
        let side = open(path, O_RDWR | O_NOCTTY)
        guard side >= 0 else { throw TestFailure("\(path) cannot be opened") }
        let other = FileHandle(fileDescriptor: side, closeOnDealloc: true)
        process.executableURL = ChordProcess.program
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment
            .filter { !$0.key.hasPrefix("CHORD_") }
            .merging([
                "CHORD_PEER_TIMEOUT": "\(ChordProcess.failureDetection.components.seconds)s",
                "TERM": "dumb", "COLUMNS": "100", "NO_COLOR": "1",
            ]) { $1 }
        process.standardInput = other
        process.standardOutput = other
        process.standardError = other
        try process.run()
        try? other.close()
        Thread.detachNewThread { [weak self] in
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                // The read fails when the last process that has the terminal ends.
                let count = read(main, &buffer, buffer.count)
                guard count > 0, let self else { break }
                let new = buffer.prefix(count)
                self.shown.withLock { $0.bytes += new }
            }
            self?.shown.withLock { $0.hasEnded = true }
        }
        _ = try await answer(after: 0)
    }

    /// A new pseudo-terminal: our side, and the path of the other one.
    private static func terminal() throws -> (descriptor: Int32, path: String) {
        func failure(_ call: String) -> TestFailure {
            TestFailure("no pseudo-terminal: \(call): \(String(cString: strerror(errno)))")
        }
        #if canImport(Darwin)
        let main = posix_openpt(O_RDWR | O_NOCTTY)
        guard main >= 0, grantpt(main) == 0, unlockpt(main) == 0, let path = ptsname(main)
        else { throw failure("posix_openpt") }
        return (main, String(cString: path))
        #else
        // Swift does not see the C library's functions for this, which need a macro.
        let unlock: UInt = 0x4004_5431
        let getNumber: UInt = 0x8004_5430
        let main = open("/dev/ptmx", O_RDWR | O_NOCTTY)
        var isLocked: Int32 = 0
        var number: Int32 = 0
        guard main >= 0, ioctl(main, unlock, &isLocked) == 0,
            ioctl(main, getNumber, &number) == 0
        else { throw failure("/dev/ptmx") }
        return (main, "/dev/pts/\(number)")
        #endif
    }

    private var text: String {
        String(decoding: shown.withLock { $0.bytes }, as: UTF8.self)
            .replacing("\r\n", with: "\n").replacing("\r", with: "")
    }

    /// Waits for the prompt, or for the end of the command.
    ///
    /// - Returns: what was shown after a number of characters, without the prompt.
    private func answer(after start: Int) async throws -> String {
        try await eventually("\(prompt) in: \(text)") {
            shown.withLock { $0.hasEnded } || text.dropFirst(start).hasSuffix(prompt)
        }
        let answer = text.dropFirst(start)
        return String(answer.hasSuffix(prompt) ? answer.dropLast(prompt.count) : answer)
    }

    /// Types keys, and waits for the next prompt.
    ///
    /// - Returns: the lines that were shown after the typed line.
    func type(_ line: String) async throws -> [String] {
        let start = text.count
        terminal.write(Data((line + "\n").utf8))
        try await eventually("the line is taken: \(text)") {
            shown.withLock { $0.hasEnded } || text.dropFirst(start).contains("\n")
        }
        let answer = try await answer(after: start)
        // The first line is the echo of what was typed. Before the editor has taken the terminal over, the system
        // echoes, too.
        return answer.split(separator: "\n", omittingEmptySubsequences: false).dropFirst()
            .map(String.init).dropLast().drop { $0 == line } + []
    }

    /// Waits until a text is shown so many times. The wait also ends with the command, which fails.
    func shows(_ wanted: String, times: Int = 1) async throws {
        func isShown() -> Bool { text.ranges(of: wanted).count >= times }
        try await eventually("\(wanted) in: \(text)") {
            isShown() || shown.withLock { $0.hasEnded }
        }
        guard isShown() else { throw TestFailure("the command ended, and showed: \(text)") }
    }

    /// Waits for the end of the command, and returns its exit code.
    func code() async throws -> Int32 {
        try await eventually("the command ends; it shows: \(text)") { !process.isRunning }
        return process.terminationStatus
    }

    func send(_ signal: Int32) {
        if process.isRunning { kill(process.processIdentifier, signal) }
    }

    func close() { send(SIGKILL) }
}
