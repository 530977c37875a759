// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Foundation
import NIOConcurrencyHelpers

/// A program that runs beside the test. Its input stays open until the end, its outputs are collected.
final class ChildProcess: Sendable {
    /// The output of a pipe so far.
    final class Output: Sendable {
        private let state = NIOLockedValueBox<(bytes: [UInt8], hasEnded: Bool)>(([], false))

        var bytes: [UInt8] { state.withLockedValue { $0.bytes } }
        var text: String { String(decoding: bytes, as: UTF8.self) }
        var lines: [Substring] { text.split(whereSeparator: \.isNewline) }
        var hasEnded: Bool { state.withLockedValue { $0.hasEnded } }

        /// Reads on its own thread: a blocked read must not hold one of the few test threads.
        fileprivate func collect(_ pipe: Pipe) {
            Thread.detachNewThread { [state] in
                while true {
                    let data = pipe.fileHandleForReading.availableData
                    if data.isEmpty { break }
                    state.withLockedValue { $0.bytes += data }
                }
                state.withLockedValue { $0.hasEnded = true }
            }
        }
    }

    let output = Output()
    let errors = Output()
    private let process = Process()
    private let input: Pipe
    private let command: String

    private init(_ program: String, _ arguments: [String], environment: [String: String]) throws {
        command = ([program] + arguments.map { String($0.prefix(120)) }).joined(separator: " ")
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program] + arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let pipes = try process.runWithPipes(givingInput: true)
        input = pipes.input
        output.collect(pipes.output)
        errors.collect(pipes.errors)
    }

    /// Runs a program for the time of `body`, and ends it by its process identifier if it has not
    /// ended itself.
    static func running<R: Sendable>(
        _ program: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        _ body: (ChildProcess) async throws -> R
    ) async throws -> R {
        let child = try ChildProcess(program, arguments, environment: environment)
        defer { child.kill() }
        return try await body(child)
    }

    private func kill() {
        if process.isRunning { Foundation.kill(process.processIdentifier, SIGKILL) }
        try? input.fileHandleForWriting.close()
    }

    /// Waits for the program's end, and returns its exit code.
    func exit() async throws -> Int32 {
        try await eventually("\(command) ends; it says: \(report)") {
            output.hasEnded && errors.hasEnded && !process.isRunning
        }
        return process.terminationStatus
    }

    /// Waits for output that `take` accepts.
    func wait<T>(for what: String, _ take: (Output) -> T?) async throws -> T {
        var taken: T?
        try await eventually("\(command) prints \(what); it says: \(report)") {
            taken = take(output)
            if taken == nil, output.hasEnded, errors.hasEnded {
                taken = take(output)
                guard taken != nil else {
                    throw TestFailure("\(command) ended without \(what): \(report)")
                }
            }
            return taken != nil
        }
        guard let taken else { throw TestFailure("\(command) did not print \(what)") }
        return taken
    }

    /// Everything that the program has said.
    var report: String { output.text + errors.text }
}

/// The `chord` command as the build made it, beside the tests; `make test TEST_RELEASE=1` names
/// another.
let chordCommand: String = {
    let environment = ProcessInfo.processInfo.environment
    if let given = environment["CHORD_TEST_BINARY"], !given.isEmpty { return given }
    var folder = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
    // On macOS the tests lie deeper, in a bundle.
    while folder.path != "/",
        !FileManager.default.isExecutableFile(atPath: folder.appending(path: "chord").path)
    {
        folder.deleteLastPathComponent()
    }
    return folder.appending(path: "chord").path
}()
