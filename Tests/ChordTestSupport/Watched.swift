// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// A shared value whose changes can be awaited, so that a test need not ask for them again and again.
package final class Watched<Value: Sendable>: Sendable {
    private struct Waiter {
        let condition: @Sendable (Value) -> Bool
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var value: Value
        var waiters: [Int: Waiter] = [:]
        var lastKey = 0
        /// Waiters that were cancelled before they could wait.
        var cancelled: Set<Int> = []
    }

    private let state: NIOLockedValueBox<State>

    package init(_ value: Value) {
        state = NIOLockedValueBox(State(value: value))
    }

    /// Reads or changes the value, as `NIOLockedValueBox` does. The tasks whose conditions hold then go on.
    package func withLockedValue<Result>(
        _ body: (inout Value) throws -> Result
    ) rethrows -> Result {
        let (result, due) = try state.withLockedValue { state in
            let result = try body(&state.value)
            let due = state.waiters.filter { $0.value.condition(state.value) }
            for key in due.keys { state.waiters[key] = nil }
            return (result, due.values.map(\.continuation))
        }
        for continuation in due { continuation.resume() }
        return result
    }

    /// Waits until a condition of the value holds.
    ///
    /// - Throws: `CancellationError` when the task is cancelled, as it is at the test's time limit.
    package func until(_ condition: @escaping @Sendable (Value) -> Bool) async throws {
        let key = state.withLockedValue { state in
            state.lastKey += 1
            return state.lastKey
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let waiter = Waiter(condition: condition, continuation: continuation)
                wait(waiter, key)
            }
        } onCancel: {
            let waiter = state.withLockedValue { state in
                let waiter = state.waiters.removeValue(forKey: key)
                if waiter == nil { state.cancelled.insert(key) }
                return waiter
            }
            waiter?.continuation.resume(throwing: CancellationError())
        }
    }

    private func wait(_ waiter: Waiter, _ key: Int) {
        let (holds, isCancelled) = state.withLockedValue { state in
            let holds = waiter.condition(state.value)
            let isCancelled = state.cancelled.remove(key) != nil
            if !holds, !isCancelled { state.waiters[key] = waiter }
            return (holds, isCancelled)
        }
        if holds {
            waiter.continuation.resume()
        } else if isCancelled {
            waiter.continuation.resume(throwing: CancellationError())
        }
    }
}
