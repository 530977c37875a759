// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import Foundation
import NIOConcurrencyHelpers

/// One process begins at a time. Foundation's pipes are inherited by whoever begins between their making and
/// the start of the process that they are for; while that other lives, a reader would wait for their end.
private let starting = NIOLock()

extension Process {
    /// What a process reads and says.
    package struct Pipes: Sendable {
        package let input: Pipe
        package let output: Pipe
        package let errors: Pipe
    }

    /// Starts the process with pipes of its own for what it says.
    ///
    /// - Parameter givingInput: whether it gets one for what it reads too.
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

    /// Runs the process to its end, on the thread that it is called on.
    ///
    /// - Returns: what it said.
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
