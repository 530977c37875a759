// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// A task did not end within its test's limit.
package struct StillRunning: Error {}

/// A task on a manual executor, with its outcome.
package final class ManualTask<Value: Sendable>: Sendable {
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

    package var isFinished: Bool { outcome.withLockedValue { $0 != nil } }

    package var result: Result<Value, any Error>? { outcome.withLockedValue { $0 } }

    package func cancel() {
        task.cancel()
    }

    package func value(limit: Duration = .seconds(120)) throws -> Value {
        guard executor.run(until: { isFinished }, limit: limit), let result else {
            throw StillRunning()
        }
        return try result.get()
    }
}
