// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordRPC
import NIOConcurrencyHelpers

extension NodeExecutor {
    /// Waits for an answer that arrives through a callback. A cancelled task receives `substitute`
    /// at once.
    ///
    /// - Parameters:
    ///   - substitute: the answer for a cancelled task.
    ///   - start: starts the operation on this executor, and returns a function that stops it. That
    ///     function is called on this executor too. `start` is not called if the task was cancelled
    ///     before.
    package func answer<Answer: Sendable>(
        orWhenCancelled substitute: Answer,
        isolation: isolated (any Actor)? = #isolation,
        _ start:
            @escaping @Sendable (_ completion: @escaping @Sendable (Answer) -> Void) ->
            @Sendable () -> Void
    ) async -> Answer {
        let awaited = AwaitedAnswer(orWhenCancelled: substitute)
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                guard awaited.begin(continuation) else { return continuation.resume() }
                runOrExecute {
                    guard awaited.isAwaited else { return }
                    awaited.keep(stop: start { awaited.end(with: $0) })
                }
            }
        } onCancel: {
            guard let stop = awaited.giveUp() else { return }
            execute(stop)
        }
        return awaited.answer
    }
}

/// The single answer that a task waits for. Answer and cancellation may come in any order, from any
/// thread.
///
/// The answer lies here, under the lock, and the continuation only wakes the task: what a
/// continuation carries passes between threads inside libswift_Concurrency, where the thread
/// sanitizer sees a data race if the task had not yet begun to wait.
private final class AwaitedAnswer<Answer: Sendable>: Sendable {
    private struct State {
        /// The substitute until the answer comes.
        var answer: Answer
        var continuation: CheckedContinuation<Void, Never>?
        var isOver = false
        var stop: (@Sendable () -> Void)?
    }

    private let state: NIOLockedValueBox<State>

    init(orWhenCancelled substitute: Answer) {
        state = NIOLockedValueBox(State(answer: substitute))
    }

    var isAwaited: Bool { state.withLockedValue { !$0.isOver } }

    var answer: Answer { state.withLockedValue { $0.answer } }

    /// Starts to wait; false if the answer or the cancellation came first.
    func begin(_ continuation: CheckedContinuation<Void, Never>) -> Bool {
        state.withLockedValue { state in
            guard !state.isOver else { return false }
            state.continuation = continuation
            return true
        }
    }

    func end(with answer: Answer) {
        let continuation = state.withLockedValue { state -> CheckedContinuation<Void, Never>? in
            guard !state.isOver else { return nil }
            state.isOver = true
            state.answer = answer
            // The stop function holds the call, which holds this object.
            state.stop = nil
            return state.continuation.take()
        }
        continuation?.resume()
    }

    /// Ends the wait of a cancelled task, without an answer.
    ///
    /// - Returns: the function that stops the operation; nil if the operation has not started or
    ///   has ended.
    func giveUp() -> (@Sendable () -> Void)? {
        let (continuation, stop) = state.withLockedValue { state in
            state.isOver = true
            return (state.continuation.take(), state.stop.take())
        }
        continuation?.resume()
        return stop
    }

    /// Stores the function that stops the operation, unless the wait is over.
    func keep(stop: @escaping @Sendable () -> Void) {
        let isTooLate = state.withLockedValue { state in
            if !state.isOver { state.stop = stop }
            return state.isOver
        }
        // Stopping a call that has ended does nothing.
        if isTooLate { stop() }
    }
}

extension ClientResult {
    /// The result of a call whose caller was cancelled.
    static let cancelled = ClientResult(
        status: Status(.cancelled, "the caller no longer waits", origin: .local)
    )
}
