// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Signals to processes that this one has started, and to itself.
enum SignalSending {
    /// Ends a process at once.
    static func kill(_ process: Int32) {
        send(SIGKILL, to: process)
    }

    /// Asks a process to end.
    static func terminate(_ process: Int32) {
        send(SIGTERM, to: process)
    }

    /// Asks this process to end, as a terminal or a supervisor would.
    static func askSelfToEnd() {
        send(SIGTERM, to: getpid())
    }

    private static func send(_ signal: Int32, to process: Int32) {
        #if canImport(Glibc)
        _ = Glibc.kill(process, signal)
        #elseif canImport(Musl)
        _ = Musl.kill(process, signal)
        #else
        _ = Darwin.kill(process, signal)
        #endif
    }
}
