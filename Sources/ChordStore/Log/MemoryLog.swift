// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import ChordBase
internal import NIOConcurrencyHelpers

/// A log in memory, for tests and for stores that need not survive a restart.
///
/// It keeps its contents from `close` to `open`, as long as the object lives. What it holds is lost with the
/// process, so a node that uses it takes a new disk id at each start.
package final class MemoryLog: RaftLogStore {
    private struct State {
        var contents = LogContents(usage: NoUsage())
        var isOpen = false
        var statistics = LogStatistics()
    }

    private let state = NIOLockedValueBox(State())
    private let deliver: @Sendable (@escaping @Sendable () -> Void) -> Void

    /// - Parameter deliver: runs work on the node's executor, in the order of the calls.
    package init(deliver: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void) {
        self.deliver = deliver
    }

    /// A closed log with the same contents, for tests of disks that are restored from a copy.
    package func copy() -> MemoryLog {
        let copy = MemoryLog(deliver: deliver)
        let contents = state.withLockedValue { $0.contents }
        copy.state.withLockedValue { $0.contents = contents }
        return copy
    }

    package func open(_ completion: @escaping @Sendable (Result<RecoveredLog, StoreError>) -> Void)
    {
        let result = state.withLockedValue { state -> Result<RecoveredLog, StoreError> in
            guard !state.isOpen else {
                return .failure(StoreError(.inUse, "the log is open already"))
            }
            state.isOpen = true
            state.statistics = LogStatistics()
            return .success(state.contents.recovered)
        }
        deliver { completion(result) }
    }

    package func submit(
        _ batch: LogBatch,
        _ completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {
        let error = state.withLockedValue { state -> StoreError? in
            do throws(StoreError) {
                guard state.isOpen else { throw StoreError(.closed, "the log is not open") }
                try state.contents.check(batch)
            } catch {
                state.statistics.refusedBatches += 1
                return error
            }
            state.contents.apply(batch, in: 0)
            state.statistics.batches += 1
            state.statistics.entries += batch.updates.reduce(0) { $0 + UInt64($1.entries.count) }
            return nil
        }
        deliver { completion(error.map { .failure($0) } ?? .success(())) }
    }

    package func close(_ completion: @escaping @Sendable () -> Void) {
        state.withLockedValue { $0.isOpen = false }
        deliver { completion() }
    }

    package var statistics: LogStatistics { state.withLockedValue { $0.statistics } }
}
