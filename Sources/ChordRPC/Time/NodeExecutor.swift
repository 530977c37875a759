// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Runs a node's work, and is its only source of time and randomness.
///
/// The transport implements it on an event loop; the simulator and the tests implement it by hand.
/// No other code in the runtime and the store reads a clock, draws random numbers, sleeps or
/// creates threads. So a whole ring can be replayed from a seed.
///
/// An implementation runs one piece of work at a time. It must define `checkIsolated`, because code
/// that is already on the executor enters its actors by `assumeIsolated`.
package protocol NodeExecutor: SerialExecutor, TaskExecutor {
    /// The executor's clock.
    var now: MonotonicTime { get }

    /// Wall-clock time in milliseconds since 1970. For incarnations and expiry, never for ordering.
    var wallClockMilliseconds: UInt64 { get }

    /// Whether the caller runs on this executor.
    var isCurrent: Bool { get }

    /// Runs `work` on the executor, after the work that is already queued.
    func execute(_ work: @escaping @Sendable () -> Void)

    /// Runs `work` on the executor after `delay`.
    ///
    /// - Returns: cancels the work; without effect after it ran.
    func schedule(after delay: Duration, _ work: @escaping @Sendable () -> Void) -> ScheduledWork

    /// The next number of the executor's random number generator.
    func random() -> UInt64
}

extension NodeExecutor {
    /// Runs `work` at once if the caller is on the executor; else queues it.
    package func runOrExecute(_ work: @escaping @Sendable () -> Void) {
        if isCurrent { work() } else { execute(work) }
    }

    /// A generator for the standard library's `using:` parameters.
    package var generator: NodeExecutorGenerator { NodeExecutorGenerator(executor: self) }
}

/// Work that an executor will run later.
package struct ScheduledWork: Sendable {
    private let cancelAction: @Sendable () -> Void

    package init(cancel: @escaping @Sendable () -> Void) {
        cancelAction = cancel
    }

    package func cancel() {
        cancelAction()
    }
}

/// The executor's random numbers as a standard library generator.
package struct NodeExecutorGenerator: RandomNumberGenerator {
    let executor: any NodeExecutor

    package mutating func next() -> UInt64 {
        executor.random()
    }
}
