// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The applied state of all groups of a node: rows, and the records that change with them.
///
/// One executor makes all calls and gets all completions and events, in the order of submission, each
/// exactly once. Works run one after the other; each sees the changes of all before it.
///
/// Changes become durable together: the engine commits after a time, after a number of changes, or on
/// request, and reports it. A crash loses what was not reported as durable; the owner keeps it in its log
/// and submits it again. So the owner stores the applied index by the same work as the rows.
package protocol RowEngine: AnyObject, Sendable {
    /// Opens the engine. The first call on an engine.
    ///
    /// Errors: `inUse`, `wrongDisk`, `wrongStore`, `unknownVersion`, `corrupted`, `readOnly`, `diskFull`,
    /// `ioFailed`. None of them changes what is stored.
    func open(_ completion: @escaping @Sendable (Result<Void, StoreError>) -> Void)

    /// Runs a work.
    ///
    /// The work may run on another thread, and must not block. If it throws, its own changes are undone, and
    /// only these. Errors besides its own: `closed` if it did not run.
    ///
    /// - Returns: the work's place in the order. The event ``RowEngineEvent/durable(through:)`` names it.
    @discardableResult
    func submit<Output: Sendable>(
        _ work:
            @escaping @Sendable (inout any RowEngineTransaction) throws(StoreError) -> Output,
        _ completion: @escaping @Sendable (Result<Output, StoreError>) -> Void
    ) -> RowSequence

    /// Makes the changes of all works submitted so far durable.
    ///
    /// Errors: `closed`, or the error by which the engine closes.
    func commit(_ completion: @escaping @Sendable (Result<Void, StoreError>) -> Void)

    /// Copies rows, with some records before them, as they are at one moment: after all works submitted so far
    /// and maybe later ones. Works go on meanwhile.
    ///
    /// Errors: those of `select`; `closed`, `diskFull`, `corrupted`, `ioFailed`.
    ///
    /// - Parameter select: what to copy. It reads the records of that same moment, and must not block.
    func snapshot(
        _ select: @escaping RowSelection.Choice,
        _ completion: @escaping @Sendable (Result<any RowSnapshot, StoreError>) -> Void
    )

    /// Reads rows as they are at one moment, as ``snapshot(_:_:)`` does, and computes their checksums. Nothing is
    /// written, and no more than a page is in memory.
    ///
    /// Errors: those of `select`; `closed`; `corrupted`, which names the damaged row; `ioFailed`.
    ///
    /// - Parameters:
    ///   - select: what to read.
    ///   - buckets: the buckets whose rows are named.
    func digest(
        _ select: @escaping RowSelection.Choice,
        naming buckets: Set<UInt8>,
        _ completion: @escaping @Sendable (Result<RowDigest, StoreError>) -> Void
    )

    /// Closes the engine after all works submitted so far. Their changes are durable then, unless the
    /// completion has an error.
    func close(_ completion: @escaping @Sendable (Result<Void, StoreError>) -> Void)

    /// What the engine does and how it fares, for back-pressure and metrics.
    var statistics: RowEngineStatistics { get }
}

/// The place of a work among all that were submitted to an engine since it was made. The first has 1.
package struct RowSequence: Hashable, Sendable, Comparable, CustomStringConvertible, BitwiseCopyable
{
    package let number: UInt64

    package init(_ number: UInt64) {
        self.number = number
    }

    /// The place before the first work.
    package static let zero = Self(0)

    package var successor: Self { Self(number + 1) }

    package static func < (left: Self, right: Self) -> Bool { left.number < right.number }

    /// The number in decimal digits.
    package var description: String { String(number) }
}

/// What an engine tells its owner.
package enum RowEngineEvent: Sendable {
    /// The changes of all works up to this one are durable. Not reported for works that change nothing.
    case durable(through: RowSequence)
    /// The disk has become full: `put` is refused. Reads and deletes go on.
    case diskFull
    /// There is room again.
    case diskHasRoom
    /// The engine has closed because the disk failed it. Changes that were not reported as durable may be
    /// lost. It can only be opened again by a new engine.
    case closed(StoreError)
}

/// What an engine needs of its owner. The engine's thread calls these closures; none of them blocks.
package struct RowEngineHost: Sendable {
    /// Runs work on the owner's executor, in the order of the calls.
    package var deliver: @Sendable (_ work: @escaping @Sendable () -> Void) -> Void
    /// Runs work on the owner's executor after a time.
    package var schedule:
        @Sendable (_ delay: Duration, _ work: @escaping @Sendable () -> Void) -> Void
    /// A monotonic clock.
    package var now: @Sendable () -> Duration
    /// Hears events, on the owner's executor.
    package var report: @Sendable (RowEngineEvent) -> Void

    package init(
        deliver: @escaping @Sendable (_ work: @escaping @Sendable () -> Void) -> Void,
        schedule:
            @escaping @Sendable (_ delay: Duration, _ work: @escaping @Sendable () -> Void) -> Void,
        now: @escaping @Sendable () -> Duration,
        report: @escaping @Sendable (RowEngineEvent) -> Void
    ) {
        self.deliver = deliver
        self.schedule = schedule
        self.now = now
        self.report = report
    }
}

/// What an engine has done since it was opened, and how it fares now.
package struct RowEngineStatistics: Hashable, Sendable {
    /// Works that have run, those that threw among them.
    package var works: UInt64 = 0
    /// Works that threw.
    package var failedWorks: UInt64 = 0
    package var rowsWritten: UInt64 = 0
    package var rowsDeleted: UInt64 = 0
    package var rowsRead: UInt64 = 0
    /// Works that were submitted and have not run yet: the measure of back-pressure.
    package var worksWaiting = 0
    /// Changes that are not durable yet.
    package var changesWaiting = 0
    /// How long commits took, with their syncs.
    package var commits = LatencyHistogram()
    /// Bytes of the database file and of the write-ahead log. 0 for an engine in memory.
    package var bytesStored: UInt64 = 0
    package var bytesOfWriteAheadLog: UInt64 = 0
    package var isFull = false

    package init() {}
}
