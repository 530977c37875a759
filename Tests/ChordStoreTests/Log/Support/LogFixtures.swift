// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordStore

extension LogIdentity {
    static let test = LogIdentity(
        store: StoreID(high: 1, low: 2),
        disk: DiskID(high: 3, low: 4)
    )
}

extension SegmentedLogSettings {
    /// Segments so small that a few batches fill one.
    static let small: SegmentedLogSettings = {
        var settings = SegmentedLogSettings()
        settings.segmentBytes = 4 << 10
        settings.segmentsBeforeRewriting = 2
        settings.rewriteBytes = 256
        return settings
    }()
}

extension SegmentedLogCore {
    /// Opens the log of a lying disk as a new process would.
    static func start(
        on disk: LyingDisk,
        _ settings: SegmentedLogSettings = .small,
        identity: LogIdentity = .test,
        isNew: Bool = true
    ) throws(StoreError) -> SegmentedLogCore {
        try SegmentedLogCore(
            files: disk.start(),
            settings: settings,
            identity: identity,
            isNew: isNew,
            now: { .zero }
        )
    }

    /// Why a batch is not durable; nil where it is.
    func outcome(of batch: LogBatch) -> StoreError? {
        commit([batch])[0]
    }
}

extension RangeID {
    static let first = RangeID(high: 1, low: ~1)
    static let second = RangeID(high: 2, low: ~2)
}

extension GroupUpdate {
    /// Appends entries of one term.
    static func appending(
        _ indexes: ClosedRange<UInt64>,
        term: UInt64 = 1,
        bytes: Int = 10,
        to range: RangeID = .first
    ) -> GroupUpdate {
        GroupUpdate(
            range,
            entries: indexes.map {
                LogEntry(
                    term: Term(term),
                    index: LogIndex($0),
                    payload: Array(repeating: UInt8(truncatingIfNeeded: $0), count: bytes)
                )
            }
        )
    }

    /// Compacts entries of a term.
    static func compacting(
        through index: UInt64,
        term: UInt64 = 1,
        of range: RangeID = .first
    ) -> GroupUpdate {
        GroupUpdate(
            range,
            compactThrough: LogPosition(index: LogIndex(index), term: Term(term))
        )
    }

    static func voting(
        term: UInt64,
        for vote: UInt64? = nil,
        of range: RangeID = .first
    ) -> GroupUpdate {
        GroupUpdate(
            range,
            hardState: HardState(term: Term(term), vote: vote.map { ReplicaNumber($0) })
        )
    }
}
