// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import Foundation
import NIOConcurrencyHelpers

/// Processes are started one at a time: a process that is started while another one's pipes are
/// created inherits them, and the reader would then wait for the end of both.
private let starting = NIOLock()

extension Process {
    /// The pipes of a process.
    package struct Pipes: Sendable {
        package let input: Pipe
        package let output: Pipe
        package let errors: Pipe
    }

    /// Starts the process with its own output pipes.
    ///
    /// - Parameter givingInput: whether it gets an input pipe too.
    package func runWithPipes(givingInput: Bool = false) throws -> Pipes {
        try starting.withLock {
            let pipes = Pipes(input: Pipe(), output: Pipe(), errors: Pipe())
            if givingInput { standardInput = pipes.input }
            standardOutput = pipes.output
            standardError = pipes.errors
            try run()
            return pipes
        }
    }

    /// Runs the process until it ends, on the calling thread.
    ///
    /// - Returns: its output.
    package func runToEnd() throws -> String {
        let pipe = try starting.withLock {
            let pipe = Pipe()
            standardOutput = pipe
            standardError = pipe
            try run()
            return pipe
        }
        let said = pipe.fileHandleForReading.readDataToEndOfFile()
        waitUntilExit()
        return String(decoding: said, as: UTF8.self)
    }
}
