// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers
import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Detects code that leaves a run's single thread or its virtual time. A node that sleeps on the
/// real clock, or starts a task outside its executor, sooner or later returns on another thread.
/// Such a run is not reproducible and fails.
package final class EscapeDetector: Sendable {
    private struct State {
        var escapes: [String] = []
        var count = 0
    }

    /// The number of escapes that are described; further ones are only counted.
    private static let mostTold = 5

    /// The thread that drives the run; 0 if none does.
    private let driver = Atomic<UInt>(0)
    private let state = NIOLockedValueBox(State())

    package init() {}

    /// Descriptions of the escapes.
    package var escapes: [String] { state.withLockedValue { $0.escapes } }

    /// The number of escapes.
    package var count: Int { state.withLockedValue { $0.count } }

    /// Whether the caller is the thread that drives the run.
    var isDriver: Bool { driver.load(ordering: .relaxed) == Self.currentThread }

    func begin() {
        let (isFree, _) = driver.compareExchange(
            expected: 0,
            desired: Self.currentThread,
            ordering: .sequentiallyConsistent
        )
        precondition(isFree, "two threads drive one run")
    }

    func end() {
        driver.store(0, ordering: .sequentiallyConsistent)
    }

    /// Records that `what` was requested from a wrong thread.
    func report(_ what: String) {
        let isIdle = driver.load(ordering: .relaxed) == 0
        let why = isIdle ? "while the run stood still" : "from another thread"
        state.withLockedValue { state in
            state.count += 1
            if state.escapes.count < Self.mostTold { state.escapes.append("\(what) came \(why)") }
        }
    }

    private static var currentThread: UInt {
        #if canImport(Darwin)
        UInt(bitPattern: pthread_self())
        #else
        UInt(pthread_self())
        #endif
    }
}
