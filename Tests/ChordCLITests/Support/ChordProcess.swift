// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Foundation
import Synchronization

/// The `chord` command as a process.
final class ChordProcess: Sendable {
    /// How a process ended, and all that it said.
    struct Outcome: Sendable {
        var code: Int32
        var output: String
        var errors: String

        var outputLines: [String] { output.split(separator: "\n").map(String.init) }
        /// The output as a JSON object.
        func object() throws -> [String: Any] {
            try Self.object(in: output)
        }

        static func object(in text: String) throws -> [String: Any] {
            let parsed = try JSONSerialization.jsonObject(with: Data(text.utf8))
            guard let object = parsed as? [String: Any] else {
                throw TestFailure("no JSON object: \(text)")
            }
            return object
        }

        var errorLines: [String] { errors.split(separator: "\n").map(String.init) }
    }

    private let process = Process()
    private let arguments: [String]
    private let output: Collected
    private let errors: Collected

    /// Nodes and commands are not to take each other for dead where a machine stands still for a while. Who
    /// is killed in these tests refuses connections, which needs no waiting.
    static let failureDetection = Duration.seconds(10)

    /// Starts the command.
    ///
    /// - Parameters:
    ///   - environment: added to an environment without any setting of chord's own. Nodes without a data
    ///     directory of their own get a new one with each process.
    ///   - program: what runs in place of the command, as a shell that runs `$CHORD`.
    ///   - shell: what a shell runs instead of the command, to end in it by `exec`.
    init(
        _ arguments: [String],
        environment: [String: String] = [:],
        directory: URL? = nil,
        program: URL = ChordProcess.program,
        shell: String? = nil
    ) throws {
        self.arguments = arguments
        process.executableURL = shell == nil ? program : URL(filePath: "/bin/bash")
        process.arguments = shell.map { ["-c", $0] } ?? arguments
        process.environment = ProcessInfo.processInfo.environment
            .filter { !$0.key.hasPrefix("CHORD_") }
            .merging([
                "CHORD_PEER_TIMEOUT": "\(Self.failureDetection.components.seconds)s",
                "CHORD": Self.program.path,
                "XDG_STATE_HOME": TestCertificates.temporary.appending(
                    path: "state-\(UUID().uuidString)"
                ).path,
            ]) { $1 }
            .merging(environment) { $1 }
        process.currentDirectoryURL = directory ?? TestCertificates.temporary
        process.standardInput = FileHandle.nullDevice
        let pipes = try process.runWithPipes()
        output = Collected(pipes.output)
        errors = Collected(pipes.errors)
    }

    /// The command as the build made it, beside the tests; `make test TEST_RELEASE=1` names another.
    static let program: URL = {
        if let given = ProcessInfo.processInfo.environment["CHORD_TEST_BINARY"], !given.isEmpty {
            return URL(filePath: given)
        }
        return built("chord")
    }()

    /// The `chord-sim` command, beside the tests.
    static let simulator = built("chord-sim")

    private static func built(_ name: String) -> URL {
        var folder = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        // On macOS the tests lie deeper, in a bundle.
        while folder.path != "/",
            !FileManager.default.isExecutableFile(atPath: folder.appending(path: name).path)
        {
            folder.deleteLastPathComponent()
        }
        return folder.appending(path: name)
    }

    /// Runs the command to its end.
    static func run(
        _ arguments: [String],
        environment: [String: String] = [:],
        directory: URL? = nil,
        program: URL = ChordProcess.program
    ) async throws -> Outcome {
        let process = try ChordProcess(
            arguments,
            environment: environment,
            directory: directory,
            program: program
        )
        defer { process.kill() }
        return try await process.outcome()
    }

    /// Runs a script of the shell, in which `$CHORD` is the command, to its end.
    static func run(script: String, environment: [String: String] = [:]) async throws -> Outcome {
        let process = try ChordProcess(
            ["-c", script],
            environment: environment,
            program: URL(filePath: "/bin/sh")
        )
        defer { process.kill() }
        return try await process.outcome()
    }

    var identifier: Int32 { process.processIdentifier }
    var isRunning: Bool { process.isRunning }
    var outputText: String { output.text }
    var errorText: String { errors.text }

    /// Ends the process at once, if it runs.
    func kill() {
        if process.isRunning { Foundation.kill(process.processIdentifier, SIGKILL) }
    }

    func send(_ signal: Int32) {
        if process.isRunning { Foundation.kill(process.processIdentifier, signal) }
    }

    /// Stops the process until SIGCONT. When this returns, each of its threads stands still: after the signal alone
    /// they may still answer a call.
    func pause() async throws {
        send(SIGSTOP)
        #if os(Linux)
        let threads = "/proc/\(process.processIdentifier)/task"
        try await eventually("chord \(arguments.joined(separator: " ")) stands still") {
            try FileManager.default.contentsOfDirectory(atPath: threads).allSatisfy { thread in
                let path = "\(threads)/\(thread)/stat"
                guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
                    return true
                }
                // The state follows the name, in which anything may stand.
                return text.split(separator: ")").last?.hasPrefix(" T") == true
            }
        }
        #endif
    }

    /// Waits for the process's end.
    func outcome() async throws -> Outcome {
        try await eventually("chord \(arguments.joined(separator: " ")) ends; it says: \(report)") {
            !process.isRunning && output.hasEnded && errors.hasEnded
        }
        return Outcome(code: process.terminationStatus, output: output.text, errors: errors.text)
    }

    /// Waits for a printed line that `take` accepts.
    @discardableResult
    func line<T>(_ what: String, _ take: (String) -> T?) async throws -> T {
        var found: T?
        try await eventually("\(what) of chord \(arguments.prefix(3)); it says: \(report)") {
            let isOver = !process.isRunning && output.hasEnded
            for line in output.text.split(separator: "\n") where found == nil {
                found = take(String(line))
            }
            if found == nil, isOver {
                throw TestFailure("chord \(arguments) ended without \(what): \(report)")
            }
            return found != nil
        }
        guard let found else { throw TestFailure("chord did not print \(what)") }
        return found
    }

    var report: String { output.text + errors.text }
}

/// The output of a pipe so far.
private final class Collected: Sendable {
    private let state = Mutex<(bytes: [UInt8], hasEnded: Bool)>(([], false))

    /// Reads on its own thread: a blocked read must not hold one of the few test threads.
    init(_ pipe: Pipe) {
        Thread.detachNewThread { [weak self] in
            while true {
                let data = pipe.fileHandleForReading.availableData
                if data.isEmpty { break }
                self?.state.withLock { $0.bytes += data }
            }
            self?.state.withLock { $0.hasEnded = true }
        }
    }

    var text: String { String(decoding: state.withLock { $0.bytes }, as: UTF8.self) }
    var hasEnded: Bool { state.withLock { $0.hasEnded } }
}
