// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import NIOConcurrencyHelpers

/// Ends a stream that says nothing for a time.
final class SilenceTimer: Sendable {
    private struct State {
        /// The stream, until the timer fires or is stopped. The scheduled work does not hold it: its event loop drops
        /// cancelled work under a lock, and the end of a stream that is dropped there would want the same lock.
        var source: (any WatchSource)?
        var work: ScheduledWork?
        var hasFired = false
    }

    private let executor: any NodeExecutor
    private let state: NIOLockedValueBox<State>

    init(_ source: any WatchSource, after time: Duration, on executor: any NodeExecutor) {
        self.executor = executor
        let state = NIOLockedValueBox(State(source: source))
        self.state = state
        executor.runOrExecute {
            guard state.withLockedValue({ $0.source != nil }) else { return }
            let work = executor.schedule(after: time) {
                let silent = state.withLockedValue { state in
                    state.hasFired = state.source != nil
                    return state.source.take()
                }
                silent?.cancel()
            }
            state.withLockedValue { $0.work = work }
        }
    }

    var hasFired: Bool { state.withLockedValue { $0.hasFired } }

    func stop() {
        let (source, work) = state.withLockedValue { ($0.source.take(), $0.work.take()) }
        // The stream outlives the lock.
        withExtendedLifetime(source) {}
        guard let work else { return }
        executor.runOrExecute { work.cancel() }
    }
}
