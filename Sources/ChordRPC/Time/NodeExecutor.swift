// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Where a node's work happens, and all that it may know of time and chance.
///
/// The transport implements it on an event loop, the simulator and the tests by hand. Nothing else
/// in the runtime and the store reads a clock, draws a random number, sleeps or makes a thread; that
/// is what makes a whole ring replayable from a seed.
///
/// An implementation runs one piece of work at a time and must define `checkIsolated`, because code
/// that is already on the executor enters its actors by `assumeIsolated`.
package protocol NodeExecutor: SerialExecutor, TaskExecutor {
    /// The executor's clock.
    var now: MonotonicTime { get }

    /// Wall-clock time, in milliseconds since 1970. For names of lives and expiry, never for order.
    var wallClockMilliseconds: UInt64 { get }

    /// Whether the caller runs on this executor.
    var isCurrent: Bool { get }

    /// Runs `work` on the executor, after what is already queued there.
    func execute(_ work: @escaping @Sendable () -> Void)

    /// Runs `work` on the executor once `delay` has passed.
    ///
    /// - Returns: what cancels it; cancelling after it ran does nothing.
    func schedule(after delay: Duration, _ work: @escaping @Sendable () -> Void) -> ScheduledWork

    /// The next number of the executor's generator.
    func random() -> UInt64
}

extension NodeExecutor {
    /// Runs `work` at once when the caller is on the executor, else queues it there.
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

/// An executor's random numbers in the form that the standard library asks for.
package struct NodeExecutorGenerator: RandomNumberGenerator {
    let executor: any NodeExecutor

    package mutating func next() -> UInt64 {
        executor.random()
    }
}
