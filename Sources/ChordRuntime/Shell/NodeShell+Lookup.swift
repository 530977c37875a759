// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore
import ChordRPC
import NIOConcurrencyHelpers

extension NodeShell {
    /// Looks up the owner of an identifier, from any thread. It costs one continuation. Cancelling the
    /// task ends the lookup, here and at the nodes that it has come to.
    ///
    /// - Throws: `notMember`, `lookupFailed` (also when cancelled) or `deadlineExceeded`.
    package nonisolated func lookup(
        _ id: Identifier,
        timeout: Duration? = nil,
        wantsPath: Bool = false
    ) async throws(ChordError) -> LookupResult {
        let limits = configuration.lookups
        let duration = min(timeout ?? limits.deadline, limits.longestDeadline)
        let budget =
            limits.hopBudget
            ?? LookupMachine.defaultHopBudget(width: configuration.parameters.space.width)
        let caller = LookupCaller()
        let result: Result<LookupResult, ChordError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                executor.runOrExecute { [self] in
                    let run = LookupRun(
                        LookupMachine(target: id, hopBudget: budget),
                        wantsPath: wantsPath,
                        deadline: executor.now + duration,
                        context: lookupContext,
                        executor: executor
                    ) { result, _ in
                        continuation.resume(returning: LookupResult.make(id, result))
                    }
                    if caller.waits(for: run) { run.start() } else { run.abandon() }
                }
            }
        } onCancel: {
            guard let run = caller.cancel() else { return }
            executor.execute { run.abandon() }
        }
        return try result.get()
    }
}

/// The task that waits for a lookup: its cancellation may come before the lookup starts, and from any
/// thread.
private final class LookupCaller: Sendable {
    private let state = NIOLockedValueBox<(run: LookupRun?, isCancelled: Bool)>((nil, false))

    /// Takes the lookup; false where nobody waits any more.
    func waits(for run: LookupRun) -> Bool {
        state.withLockedValue { state in
            state.run = run
            return !state.isCancelled
        }
    }

    /// Gives the lookup that is to be abandoned; nil where it has not started.
    func cancel() -> LookupRun? {
        state.withLockedValue { state in
            state.isCancelled = true
            return state.run
        }
    }
}
