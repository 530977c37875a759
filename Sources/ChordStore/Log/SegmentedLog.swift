// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A log in segment files: one append-only log for all groups of a node.
///
/// One thread writes. Batches that are submitted while it syncs are written and synced together afterwards.
/// The logic is `SegmentedLogCore`'s; this class only moves batches to the thread and results back.
package final class SegmentedLog: RaftLogStore {
    private let thread: LogThread

    /// Makes a log that is not open yet.
    ///
    /// - Parameters:
    ///   - isNew: whether the directory may have no log yet, as `SegmentedLogCore` says.
    ///   - now: a monotonic clock, for statistics. The thread calls it.
    ///   - deliver: runs work on the node's executor, in the order of the calls. The thread calls it.
    ///   - files: makes the directory. The thread calls it at each opening.
    package init(
        settings: SegmentedLogSettings = SegmentedLogSettings(),
        identity: LogIdentity,
        isNew: Bool,
        now: @escaping @Sendable () -> Duration,
        deliver: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void,
        files: @escaping @Sendable () throws(StoreError) -> any LogFiles
    ) {
        thread = LogThread(commitBytes: settings.commitBytes, deliver: deliver) {
            () throws(StoreError) -> SegmentedLogCore in
            try SegmentedLogCore(
                files: files(),
                settings: settings,
                identity: identity,
                isNew: isNew,
                now: now
            )
        }
    }

    deinit {
        thread.abandon()
    }

    package func open(_ completion: @escaping @Sendable (Result<RecoveredLog, StoreError>) -> Void)
    {
        thread.add(.open(completion))
    }

    package func submit(
        _ batch: LogBatch,
        _ completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {
        thread.add(.submit(batch, completion))
    }

    package func close(_ completion: @escaping @Sendable () -> Void) {
        thread.add(.close(completion))
    }

    package var statistics: LogStatistics { thread.statistics }
}
