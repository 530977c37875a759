// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRuntime
import ChordTransport
import NIOCore

/// Checks that the system allows this process enough threads.
enum Threads {
    /// Checks the threads of the event loops, of the handshakes beside each, and of the pool that looks up host names.
    ///
    /// - Throws: `ChordError` with `invalidConfiguration`.
    static func check(eventLoops: Int, for who: String) throws(ChordError) {
        do throws(TransportError) {
            try ProcessLimits.checkThreads(2 * eventLoops + System.coreCount)
        } catch {
            throw ChordError(.invalidConfiguration, "\(who) cannot start", cause: error)
        }
    }
}
