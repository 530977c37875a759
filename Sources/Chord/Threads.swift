// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRuntime
import ChordTransport
import NIOCore

/// Whether the system gives this process the threads that it needs.
enum Threads {
    /// Looks for threads for event loops, and for the pool that looks host names up.
    ///
    /// - Throws: `ChordError` with `invalidConfiguration`.
    static func check(eventLoops: Int, for who: String) throws(ChordError) {
        do throws(TransportError) {
            try ProcessLimits.checkThreads(eventLoops + System.coreCount)
        } catch {
            throw ChordError(.invalidConfiguration, "\(who) cannot start", cause: error)
        }
    }
}
