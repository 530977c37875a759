// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Foundation
package import Testing

/// Runs tests on threads of their own.
///
/// A simulation computes for seconds without ever waiting. On the threads that all tests share, of which
/// there are as many as cores, it would keep those that talk over sockets from doing anything, and a
/// sleep that it waits for itself could not end there.
package struct OwnThreads: SuiteTrait, TestTrait, TestScoping {
    private final class Executor: TaskExecutor {
        func enqueue(_ job: consuming ExecutorJob) {
            let job = UnownedJob(job)
            Thread.detachNewThread { [self] in
                job.runSynchronously(on: asUnownedTaskExecutor())
            }
        }
    }

    private static let executor = Executor()

    package let isRecursive = true

    package func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @Sendable () async throws -> Void
    ) async throws {
        try await withTaskExecutorPreference(Self.executor) {
            try await function()
        }
    }
}

extension Trait where Self == OwnThreads {
    package static var ownThreads: Self { Self() }
}
