// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import NIOConcurrencyHelpers

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// An executor that a test drives by hand: one queue, one virtual clock, one generator. A whole ring can
/// live on it, and what happens there follows from the seed alone.
final class ManualExecutor: NodeExecutor {
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
        var now = MonotonicTime(nanoseconds: 0)
        var generator: UInt64
        var thread: pthread_t?
    }

    /// The wall clock when the virtual clock stands at zero.
    private static let epochMilliseconds: UInt64 = 1_700_000_000_000

    private let state: NIOLockedValueBox<State>

    init(seed: UInt64 = 1) {
        state = NIOLockedValueBox(State(generator: seed))
    }

    // MARK: NodeExecutor

    var now: MonotonicTime { state.withLockedValue { $0.now } }

    var wallClockMilliseconds: UInt64 {
        Self.epochMilliseconds + UInt64(now.nanoseconds / 1_000_000)
    }

    var isCurrent: Bool {
        let current = pthread_self()
        return state.withLockedValue { $0.thread.map { pthread_equal($0, current) != 0 } ?? false }
    }

    func execute(_ work: @escaping @Sendable () -> Void) {
        state.withLockedValue { $0.ready.append(.closure(work)) }
    }

    func schedule(after delay: Duration, _ work: @escaping @Sendable () -> Void) -> ScheduledWork {
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

    func random() -> UInt64 {
        state.withLockedValue { state in
            state.generator &+= 0x9E37_79B9_7F4A_7C15
            var value = state.generator
            value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
            return value ^ (value >> 31)
        }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.withLockedValue { $0.ready.append(.job(job)) }
    }

    func checkIsolated() {
        precondition(isCurrent, "not on the manual executor")
    }

    // MARK: Driving

    /// How many timers are set.
    var timerCount: Int { state.withLockedValue { $0.timers.count } }

    /// Runs `body` as the executor's work, at once.
    func run<Value>(_ body: () throws -> Value) rethrows -> Value {
        if isCurrent { return try body() }
        let current = pthread_self()
        state.withLockedValue { state in
            precondition(state.thread == nil, "two threads drive one manual executor")
            state.thread = current
        }
        defer { state.withLockedValue { $0.thread = nil } }
        return try body()
    }

    /// Runs what is ready, and what becomes ready by that, without moving the clock.
    func drain() {
        run { while runOne() {} }
    }

    /// Runs until `condition` holds, moving the clock from timer to timer.
    ///
    /// - Returns: whether it came to hold within `limit` on the virtual clock.
    @discardableResult
    func run(until condition: () -> Bool, limit: Duration) -> Bool {
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
    func run(for duration: Duration) {
        run(until: { false }, limit: duration)
    }

    /// Runs `body` as a task of this executor, until it ends.
    ///
    /// - Throws: what it throws; `StillRunning` where it has not ended within `limit`.
    @discardableResult
    func wait<Value: Sendable>(
        limit: Duration = .seconds(120),
        _ body: @escaping @Sendable () async throws -> Value
    ) throws -> Value {
        try start(body).value(limit: limit)
    }

    /// Starts `body` as a task of this executor.
    func start<Value: Sendable>(
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

    /// Moves the clock to the next timer and runs it; false where none is due by `end`, which the clock
    /// then shows.
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

/// A task that outlived its test's patience.
struct StillRunning: Error {}

/// A task on a manual executor, with its outcome.
final class ManualTask<Value: Sendable>: Sendable {
    private let executor: ManualExecutor
    private let outcome = NIOLockedValueBox<Result<Value, any Error>?>(nil)
    private let task: Task<Void, Never>

    init(on executor: ManualExecutor, _ body: @escaping @Sendable () async throws -> Value) {
        self.executor = executor
        let outcome = outcome
        task = Task(executorPreference: executor) {
            do {
                let value = try await body()
                outcome.withLockedValue { $0 = .success(value) }
            } catch {
                outcome.withLockedValue { $0 = .failure(error) }
            }
        }
    }

    var isFinished: Bool { outcome.withLockedValue { $0 != nil } }

    var result: Result<Value, any Error>? { outcome.withLockedValue { $0 } }

    func cancel() {
        task.cancel()
    }

    func value(limit: Duration = .seconds(120)) throws -> Value {
        guard executor.run(until: { isFinished }, limit: limit), let result else {
            throw StillRunning()
        }
        return try result.get()
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
