// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import NIOConcurrencyHelpers

/// An executor whose clock a test sets. Timers run when it is set past them, on the test's own thread.
final class ClockExecutor: NodeExecutor {
    private struct State {
        var seconds: Int64
        var timers: [(due: Int64, id: Int, work: @Sendable () -> Void)] = []
        var lastTimer = 0
    }

    private let state: NIOLockedValueBox<State>

    /// Seconds since 1970.
    init(at seconds: Int64) {
        state = NIOLockedValueBox(State(seconds: seconds))
    }

    var now: MonotonicTime {
        MonotonicTime(nanoseconds: state.withLockedValue { $0.seconds } * 1_000_000_000)
    }
    var wallClockMilliseconds: UInt64 { UInt64(state.withLockedValue { $0.seconds }) * 1_000 }
    var isCurrent: Bool { true }
    var timerCount: Int { state.withLockedValue { $0.timers.count } }

    func execute(_ work: @escaping @Sendable () -> Void) { work() }

    func schedule(after delay: Duration, _ work: @escaping @Sendable () -> Void) -> ScheduledWork {
        let id = state.withLockedValue { state in
            state.lastTimer += 1
            state.timers.append((state.seconds + delay.components.seconds, state.lastTimer, work))
            return state.lastTimer
        }
        return ScheduledWork { [state] in
            state.withLockedValue { $0.timers.removeAll { $0.id == id } }
        }
    }

    func random() -> UInt64 { 4 }
    func enqueue(_ job: consuming ExecutorJob) { preconditionFailure("no tasks run here") }
    func checkIsolated() {}

    /// Sets the clock, and runs what is due then, once.
    func set(to seconds: Int64) {
        let due = state.withLockedValue { state in
            state.seconds = seconds
            let due = state.timers.filter { $0.due <= seconds }
            state.timers.removeAll { $0.due <= seconds }
            return due
        }
        for timer in due { timer.work() }
    }
}
