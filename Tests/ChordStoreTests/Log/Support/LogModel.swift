// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordStore

/// What a log must hold, kept in the simplest way, to compare logs with.
struct LogModel: Hashable {
    var log = RecoveredLog()

    mutating func apply(_ batch: LogBatch) {
        for update in batch.updates { apply(update) }
    }

    private mutating func apply(_ update: GroupUpdate) {
        if let next = update.removal {
            log.groups[update.range] = nil
            log.tombstones[update.range] = max(next, log.tombstones[update.range] ?? next)
            return
        }
        var group = log.groups[update.range] ?? RecoveredGroup()
        if let hardState = update.hardState { group.hardState = hardState }
        if let place = update.reset {
            group.compactedThrough = place
            group.entries = []
        }
        if let index = update.truncateAfter { group.entries.removeAll { $0.index > index } }
        if let place = update.compactThrough, place.index > group.compactedThrough.index {
            group.compactedThrough = place
            group.entries.removeAll { $0.index <= place.index }
        }
        group.entries += update.entries
        // A group of which nothing is known is none.
        log.groups[update.range] = group == RecoveredGroup() ? nil : group
    }
}

/// Draws batches as the replicas of a node would submit them.
struct LogWorkload {
    var generator: SeededGenerator
    var model = LogModel()
    let ranges: [RangeID]
    let largestPayload: UInt64

    init(seed: UInt64, ranges: Int = 3, largestPayload: UInt64 = 200) {
        generator = SeededGenerator(seed: seed)
        self.ranges = (1...UInt64(ranges)).map { RangeID(high: $0, low: ~$0) }
        self.largestPayload = largestPayload
    }

    mutating func next() -> LogBatch {
        let count = 1 + generator.below(2)
        var updates: [GroupUpdate] = []
        for range in ranges where updates.count < Int(count) && generator.below(2) == 0 {
            updates.append(update(of: range))
        }
        if updates.isEmpty { updates.append(update(of: ranges[0])) }
        let batch = LogBatch(updates)
        model.apply(batch)
        return batch
    }

    private mutating func update(of range: RangeID) -> GroupUpdate {
        let group = model.log.groups[range] ?? RecoveredGroup()
        var update = GroupUpdate(range)
        if generator.below(40) == 0 {
            update.removal = ReplicaNumber(generator.below(100))
            return update
        }
        let base = group.compactedThrough
        var last =
            group.entries.last.map { LogPosition(index: $0.index, term: $0.term) } ?? base
        var hardState = group.hardState
        if generator.below(3) == 0 {
            hardState.term = Term(max(hardState.term, last.term).number + generator.below(2))
            if hardState.term > group.hardState.term || hardState.vote == nil {
                hardState.vote =
                    generator.below(2) == 0 ? nil : ReplicaNumber(generator.below(3))
            }
            hardState.commit = base.index
            if hardState != HardState() { update.hardState = hardState }
        }
        if generator.below(6) == 0, !group.entries.isEmpty {
            let kept = Int(generator.below(UInt64(group.entries.count)))
            last =
                kept == 0
                ? base
                : LogPosition(
                    index: group.entries[kept - 1].index,
                    term: group.entries[kept - 1].term
                )
            update.truncateAfter = last.index
        }
        switch generator.below(8) {
        case 0, 1:
            // Compaction of what is left after the truncation.
            let left = group.entries.filter { $0.index <= last.index }
            if !left.isEmpty {
                let place = left[Int(generator.below(UInt64(left.count)))]
                update.compactThrough = LogPosition(index: place.index, term: place.term)
            }
        case 2 where generator.below(4) == 0:
            // An installed snapshot, of a place that the log may have too.
            let index = LogIndex(base.index.number + 1 + generator.below(20))
            last = LogPosition(index: index, term: Term(max(last.term.number, 1)))
            update.reset = last
            update.truncateAfter = nil
        default: break
        }
        for _ in 0..<generator.below(4) {
            let payload = (0..<generator.below(largestPayload)).map { _ in
                UInt8(truncatingIfNeeded: generator.next())
            }
            let term = Term(max(last.term.number, hardState.term.number, 1))
            let entry = LogEntry(
                term: term,
                index: last.index.successor,
                kind: payload.isEmpty ? .empty : .normal,
                payload: payload
            )
            update.entries.append(entry)
            last = LogPosition(index: entry.index, term: entry.term)
        }
        return update
    }
}
