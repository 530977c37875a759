// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import NIOConcurrencyHelpers

/// An executor whose clock stands still until a test moves it, and that runs only when told to.
final class ManualExecutor: NodeExecutor {
    private struct Timer {
        var time: MonotonicTime
        var order: Int
        var work: @Sendable () -> Void
    }

    private struct State {
        var now = MonotonicTime(nanoseconds: 0)
        var ready: [@Sendable () -> Void] = []
        var timers: [Int: Timer] = [:]
        var count = 0
        var isRunning = false
        var random: UInt64 = 0
    }

    private let state: NIOLockedValueBox<State>

    init(startingAt start: Duration = .zero) {
        state = NIOLockedValueBox(State())
        state.withLockedValue { $0.now = $0.now + start }
    }

    var now: MonotonicTime { state.withLockedValue { $0.now } }
    var wallClockMilliseconds: UInt64 { UInt64(now.nanoseconds / 1_000_000) }
    var isCurrent: Bool { state.withLockedValue { $0.isRunning } }

    /// Timers that have neither run nor been cancelled.
    var timerCount: Int { state.withLockedValue { $0.timers.count } }

    func execute(_ work: @escaping @Sendable () -> Void) {
        state.withLockedValue { $0.ready.append(work) }
    }

    func schedule(
        after delay: Duration,
        _ work: @escaping @Sendable () -> Void
    ) -> ScheduledWork {
        let id = state.withLockedValue { state in
            state.count += 1
            state.timers[state.count] = Timer(
                time: state.now + delay,
                order: state.count,
                work: work
            )
            return state.count
        }
        return ScheduledWork { [self] in
            state.withLockedValue { _ = $0.timers.removeValue(forKey: id) }
        }
    }

    func random() -> UInt64 {
        state.withLockedValue { state in
            state.random &+= 1
            return state.random
        }
    }

    /// Runs what is ready, and what that makes ready.
    func run() {
        while let work = state.withLockedValue({ $0.ready.isEmpty ? nil : $0.ready.removeFirst() })
        {
            state.withLockedValue { $0.isRunning = true }
            work()
            state.withLockedValue { $0.isRunning = false }
        }
    }

    /// Runs `work` on the executor, then what is ready.
    func run(_ work: @escaping @Sendable () -> Void) {
        execute(work)
        run()
    }

    /// Moves the clock, and runs each timer at its time.
    func advance(by duration: Duration) {
        let end = now + duration
        run()
        while let next = state.withLockedValue({ state -> Timer? in
            let due = state.timers.filter { $0.value.time <= end }
            guard
                let (id, timer) = due.min(by: {
                    ($0.value.time, $0.value.order) < ($1.value.time, $1.value.order)
                })
            else { return nil }
            state.timers[id] = nil
            state.now = max(state.now, timer.time)
            return timer
        }) {
            run(next.work)
        }
        state.withLockedValue { $0.now = end }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        execute { [self] in
            job.runSynchronously(
                isolatedTo: asUnownedSerialExecutor(),
                taskExecutor: asUnownedTaskExecutor()
            )
        }
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        UnownedSerialExecutor(ordinary: self)
    }

    func asUnownedTaskExecutor() -> UnownedTaskExecutor { UnownedTaskExecutor(ordinary: self) }

    func checkIsolated() { precondition(isCurrent) }
}
