// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import ChordBase

/// What a log holds of all groups. Log and memory log keep it; recovery makes it anew.
struct LogContents<Usage: LogUsage>: Sendable {
    private(set) var groups: [RangeID: GroupLog] = [:]
    /// Live bytes of each segment.
    var usage: Usage

    init(usage: Usage) {
        self.usage = usage
    }

    var recovered: RecoveredLog {
        RecoveredLog(
            groups: groups.compactMapValues(\.recovered),
            tombstones: groups.compactMapValues { $0.tombstone?.value }
        )
    }

    /// Checks that a batch fits what the log holds.
    ///
    /// - Throws: `invalidBatch`.
    func check(_ batch: LogBatch) throws(StoreError) {
        if batch.updates.count > 1 {
            var seen: Set<RangeID> = []
            for update in batch.updates where !seen.insert(update.range).inserted {
                throw StoreError(
                    .invalidBatch,
                    "range \(update.range) has two updates in one batch; submit two batches"
                )
            }
        }
        for update in batch.updates {
            if let problem = (groups[update.range] ?? GroupLog()).problem(with: update) {
                throw StoreError(.invalidBatch, "range \(update.range): \(problem)")
            }
        }
    }

    /// Applies a batch that has been checked.
    mutating func apply(_ batch: LogBatch, in segment: UInt64) {
        for update in batch.updates {
            groups[update.range, default: GroupLog()].apply(update, in: segment, &usage)
        }
    }

    /// Applies updates of a record that was read back.
    mutating func replay(_ updates: [GroupUpdate], in segment: UInt64) throws(Contradiction) {
        for update in updates {
            do throws(Contradiction) {
                try groups[update.range, default: GroupLog()].replay(update, in: segment, &usage)
            } catch {
                throw Contradiction("range \(update.range): \(error.reason)")
            }
        }
    }

    /// Applies updates that garbage collection writes or wrote.
    mutating func restore(_ updates: [GroupUpdate], in segment: UInt64) throws(Contradiction) {
        for update in updates {
            do throws(Contradiction) {
                try groups[update.range, default: GroupLog()].restore(update, in: segment, &usage)
            } catch {
                throw Contradiction("range \(update.range): \(error.reason)")
            }
        }
    }

    /// Checks after recovery that no group lacks entries.
    func checkForGaps() throws(Contradiction) {
        for (range, group) in groups.sorted(by: { $0.key < $1.key }) {
            if let gap = group.gap { throw Contradiction("range \(range): \(gap)") }
        }
    }
}

/// Usage of a log without segments.
struct NoUsage: LogUsage {
    mutating func change(_ segment: UInt64, of range: RangeID, by bytes: Int) {}
}
