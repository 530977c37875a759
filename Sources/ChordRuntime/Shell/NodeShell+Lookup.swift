// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore
import ChordRPC

extension NodeShell {
    /// Looks up the owner of an identifier, from any thread. It costs one continuation.
    ///
    /// - Throws: `notMember`, `lookupFailed` or `deadlineExceeded`.
    package nonisolated func lookup(
        _ id: Identifier, timeout: Duration? = nil, wantsPath: Bool = false
    ) async throws(ChordError) -> LookupResult {
        let limits = configuration.lookups
        let duration = min(timeout ?? limits.deadline, limits.longestDeadline)
        let budget =
            limits.hopBudget
            ?? LookupMachine.defaultHopBudget(width: configuration.parameters.space.width)
        let result: Result<LookupResult, ChordError> = await withCheckedContinuation {
            continuation in
            executor.runOrExecute { [self] in
                let run = LookupRun(
                    LookupMachine(target: id, hopBudget: budget), wantsPath: wantsPath,
                    deadline: executor.now + duration, context: lookupContext, executor: executor
                ) { result, _ in
                    continuation.resume(returning: LookupResult.make(id, result))
                }
                run.start()
            }
        }
        return try result.get()
    }
}
