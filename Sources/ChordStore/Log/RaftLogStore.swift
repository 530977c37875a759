// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The durable Raft log of all groups of a node.
///
/// A batch is durable when its completion succeeds. Completions are delivered on the node's executor, in the
/// order of submission, each exactly once. One executor makes all calls.
package protocol RaftLogStore: AnyObject, Sendable {
    /// Reads what the log holds. The first call on a log, and again after `close`.
    ///
    /// What is reported is durable, even if a former process was killed before it had synced it.
    ///
    /// Errors: `inUse`, `wrongDisk`, `wrongStore`, `unknownVersion`, `corrupted`, `readOnly`, `diskFull`,
    /// `ioFailed`. None of them changes what the log holds.
    func open(_ completion: @escaping @Sendable (Result<RecoveredLog, StoreError>) -> Void)

    /// Makes a batch durable.
    ///
    /// Errors:
    /// - `invalidBatch`, `tooLarge`: the batch contradicts the log or a limit. Nothing of it was written.
    /// - `diskFull`: there is no room. Nothing of it was written; the log stays open.
    /// - `ioFailed`, `readOnly`: the disk failed, and the log has closed. The batch may be durable or not.
    /// - `closed`: the log was closed before. Nothing of it was written.
    ///
    /// Later batches are judged as if a refused batch had not been submitted: those that build on it are
    /// refused too. ``LogBatch/round`` says which ones build on each other in a way that the log cannot see.
    func submit(
        _ batch: LogBatch,
        _ completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    )

    /// Closes the log after all batches that were submitted.
    func close(_ completion: @escaping @Sendable () -> Void)

    /// What the log does and how it fares, for back-pressure and metrics.
    var statistics: LogStatistics { get }
}

/// What a log holds when it is opened.
package struct RecoveredLog: Hashable, Sendable {
    /// The groups that have a hard state, entries or a compacted part.
    package var groups: [RangeID: RecoveredGroup]
    /// For each range of which this disk had a replica that was deleted: the lowest number that a later
    /// replica may have. The range may have a group again.
    package var tombstones: [RangeID: ReplicaNumber]

    package init(
        groups: [RangeID: RecoveredGroup] = [:],
        tombstones: [RangeID: ReplicaNumber] = [:]
    ) {
        self.groups = groups
        self.tombstones = tombstones
    }
}

/// What a log holds of one group.
package struct RecoveredGroup: Hashable, Sendable {
    package var hardState: HardState
    /// Entries up to here were compacted or came with a snapshot.
    package var compactedThrough: LogPosition
    /// The entries after `compactedThrough`, without gaps.
    package var entries: [LogEntry]

    package init(
        hardState: HardState = HardState(),
        compactedThrough: LogPosition = .zero,
        entries: [LogEntry] = []
    ) {
        self.hardState = hardState
        self.compactedThrough = compactedThrough
        self.entries = entries
    }
}
