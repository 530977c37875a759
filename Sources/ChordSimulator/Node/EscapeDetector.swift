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

/// Notices what leaves a run's one thread or its virtual time. A node that sleeps on the real clock, or
/// starts a task outside of its executor, sooner or later comes back from another thread: a run in
/// which that happens is not one that its seed describes, and it fails.
package final class EscapeDetector: Sendable {
    private struct State {
        var escapes: [String] = []
        var count = 0
    }

    /// Escapes that are told in words; the rest is counted.
    private static let mostTold = 5

    /// The thread that drives the run; 0 while none does.
    private let driver = Atomic<UInt>(0)
    private let state = NIOLockedValueBox(State())

    package init() {}

    /// What has escaped, in words.
    package var escapes: [String] { state.withLockedValue { $0.escapes } }

    /// How many times.
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

    /// Somebody wants `what` done who may not.
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
