// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
package import ChordRPC
import NIOConcurrencyHelpers

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// An executor that a test drives by hand: one queue, one virtual clock, one generator.
///
/// A whole ring can live on it, and all that happens there follows from the seed.
package final class ManualExecutor: NodeExecutor {
    private enum Work {
        case job(UnownedJob)
        case closure(@Sendable () -> Void)
    }

    private struct Timer {
        let due: MonotonicTime
        let sequence: UInt64
        let work: @Sendable () -> Void
    }

    private struct State {
        var ready: [Work] = []
        var nextReady = 0
        /// Sorted, the next one last.
        var timers: [Timer] = []
        var sequence: UInt64 = 0
        var now: MonotonicTime
        var generator: SeededGenerator
        var thread: pthread_t?
    }

    private let startTime: MonotonicTime
    private let startMilliseconds: UInt64
    private let state: NIOLockedValueBox<State>

    /// - Parameters:
    ///   - start: the time that the virtual clock shows first.
    ///   - wallClockMilliseconds: the wall clock at that moment, in milliseconds since 1970.
    package init(
        seed: UInt64 = 1,
        startingAt start: MonotonicTime = MonotonicTime(nanoseconds: 0),
        wallClockMilliseconds: UInt64 = 1_700_000_000_000
    ) {
        startTime = start
        startMilliseconds = wallClockMilliseconds
        state = NIOLockedValueBox(State(now: start, generator: SeededGenerator(seed: seed)))
    }

    // MARK: NodeExecutor

    package var now: MonotonicTime { state.withLockedValue { $0.now } }

    package var wallClockMilliseconds: UInt64 {
        startMilliseconds + UInt64((now.nanoseconds - startTime.nanoseconds) / 1_000_000)
    }

    package var isCurrent: Bool {
        let current = pthread_self()
        return state.withLockedValue { $0.thread.map { pthread_equal($0, current) != 0 } ?? false }
    }

    package func execute(_ work: @escaping @Sendable () -> Void) {
        state.withLockedValue { $0.ready.append(.closure(work)) }
    }

    package func schedule(after delay: Duration, _ work: @escaping @Sendable () -> Void)
        -> ScheduledWork
    {
        let sequence = state.withLockedValue { state -> UInt64 in
            state.sequence += 1
            let timer = Timer(
                due: state.now + max(.zero, delay),
                sequence: state.sequence,
                work: work
            )
            // Of timers that are due together, the one that was set first runs first.
            let index = state.timers.partitioningIndex { other in other.due <= timer.due }
            state.timers.insert(timer, at: index)
            return state.sequence
        }
        return ScheduledWork { [state] in
            state.withLockedValue { state in
                state.timers.removeAll { $0.sequence == sequence }
            }
        }
    }

    package func random() -> UInt64 {
        state.withLockedValue { $0.generator.next() }
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.withLockedValue { $0.ready.append(.job(job)) }
    }

    package func checkIsolated() {
        precondition(isCurrent, "not on the manual executor")
    }

    // MARK: Driving

    /// Number of timers that have neither run nor been cancelled.
    package var timerCount: Int { state.withLockedValue { $0.timers.count } }

    /// Runs `body` as the executor's work, at once.
    package func run<Value>(_ body: () throws -> Value) rethrows -> Value {
        if isCurrent { return try body() }
        let current = pthread_self()
        state.withLockedValue { state in
            precondition(state.thread == nil, "two threads drive one manual executor")
            state.thread = current
        }
        defer { state.withLockedValue { $0.thread = nil } }
        return try body()
    }

    /// Runs all work that is ready, and work that becomes ready meanwhile. The clock stands still.
    package func drain() {
        run { while runOne() {} }
    }

    /// Runs until `condition` holds, moving the clock from timer to timer.
    ///
    /// - Returns: whether it held within `limit` on the virtual clock.
    @discardableResult
    package func run(until condition: () -> Bool, limit: Duration) -> Bool {
        run {
            let end = now + limit
            while true {
                if condition() { return true }
                if runOne() { continue }
                guard advance(to: end) else { return condition() }
            }
        }
    }

    /// Runs for a time on the virtual clock.
    package func run(for duration: Duration) {
        run(until: { false }, limit: duration)
    }

    /// Runs `body` as a task of this executor, until it ends.
    ///
    /// - Throws: the error of `body`; `StillRunning` if it does not end within `limit`.
    @discardableResult
    package func wait<Value: Sendable>(
        limit: Duration = .seconds(120),
        _ body: @escaping @Sendable () async throws -> Value
    ) throws -> Value {
        try start(body).value(limit: limit)
    }

    /// Starts `body` as a task of this executor.
    package func start<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) -> ManualTask<Value> {
        ManualTask(on: self, body)
    }

    private func runOne() -> Bool {
        let work = state.withLockedValue { state -> Work? in
            guard state.nextReady < state.ready.count else {
                state.ready.removeAll(keepingCapacity: true)
                state.nextReady = 0
                return nil
            }
            state.nextReady += 1
            return state.ready[state.nextReady - 1]
        }
        switch work {
        case nil: return false
        case .closure(let closure): closure()
        case .job(let job):
            job.runSynchronously(
                isolatedTo: asUnownedSerialExecutor(),
                taskExecutor: asUnownedTaskExecutor()
            )
        }
        return true
    }

    /// Moves the clock to the next timer and runs it.
    ///
    /// - Returns: false if no timer is due by `end`. The clock then shows `end`.
    private func advance(to end: MonotonicTime) -> Bool {
        let work = state.withLockedValue { state -> (@Sendable () -> Void)? in
            guard let next = state.timers.last, next.due <= end else {
                state.now = max(state.now, end)
                return nil
            }
            state.timers.removeLast()
            state.now = max(state.now, next.due)
            return next.work
        }
        work?()
        return work != nil
    }
}

extension Array {
    /// The first index whose element, and every later one, satisfies `predicate`.
    fileprivate func partitioningIndex(where predicate: (Element) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if predicate(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
