// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase

/// The entries of a replica after its base, in memory.
struct RaftLog: Hashable, Sendable {
    /// The last entry that is not kept any more: a snapshot replaces it.
    private(set) var base: LogPosition
    /// Contiguous, from the one after `base`.
    private var entries: [LogEntry] = []

    init(base: LogPosition) {
        self.base = base
    }

    /// The log of a replica that starts in this term.
    ///
    /// - Throws: `corrupted` where the entries do not follow each other.
    init(_ restored: RaftMachine.Restored, term: Term) throws(StoreError) {
        base = restored.base
        for entry in restored.entries {
            guard entry.index == last.index.successor, entry.term >= last.term,
                entry.term <= term, entry.index.isPlausible
            else {
                throw StoreError(
                    .corrupted,
                    "entry \(entry.index) of term \(entry.term) follows \(last) in the log of a "
                        + "replica in term \(term)"
                )
            }
            entries.append(entry)
        }
    }

    /// The last entry, or the base.
    var last: LogPosition {
        guard let entry = entries.last else { return base }
        return LogPosition(index: entry.index, term: entry.term)
    }

    /// The offset of an entry; nil where it is not kept.
    private func offset(of index: LogIndex) -> Int? {
        let offset = index.entries(after: base.index) - 1
        return entries.indices.contains(offset) ? offset : nil
    }

    /// The term of an entry or of the base; nil where it is not known.
    func term(at index: LogIndex) -> Term? {
        if index == base.index { return base.term }
        return offset(of: index).map { entries[$0].term }
    }

    /// Whether the log holds an entry of this index and term, or has it as base.
    func contains(_ position: LogPosition) -> Bool { term(at: position.index) == position.term }

    /// Entries after `index` up to `end`: as many as fit, at least one.
    func entries(
        after index: LogIndex,
        through end: LogIndex,
        limit bytes: Int
    ) -> ArraySlice<LogEntry> {
        guard index >= base.index, let first = offset(of: index.successor), end > index else {
            return []
        }
        let limit = min(entries.count, first + end.entries(after: index))
        var next = first
        var size = 0
        while next < limit {
            size += entries[next].size
            if size > bytes, next > first { break }
            next += 1
        }
        return entries[first..<next]
    }

    /// The bytes of the entries after `index` up to `end`.
    func size(after index: LogIndex, through end: LogIndex) -> Int {
        let start = max(index, base.index)
        return entries(after: start, through: end, limit: .max).reduce(0) { $0 + $1.size }
    }

    /// The last place at or before `index` whose term is at most `term`: the only ones before which the log of
    /// another replica, which has that term there, can equal this one. Below the base where there is none.
    func lastPosition(notAfter index: LogIndex, termAtMost term: Term) -> LogPosition {
        // Terms grow along the log, so the entries of a term at most this one come first.
        var low = 0
        var high = min(entries.count, index.entries(after: base.index))
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].term <= term { low = middle + 1 } else { high = middle }
        }
        if low > 0 {
            return LogPosition(index: entries[low - 1].index, term: entries[low - 1].term)
        }
        if base.index <= index, base.term <= term { return base }
        let below = min(index, base.index.predecessor ?? .zero)
        return LogPosition(index: below, term: .zero)
    }

    mutating func append(_ entry: LogEntry) {
        precondition(entry.index == last.index.successor, "entry \(entry.index) after \(last)")
        entries.append(entry)
    }

    /// Drops all entries after `index`.
    mutating func truncate(after index: LogIndex) {
        let kept = index.entries(after: base.index)
        if kept < entries.count { entries.removeSubrange(kept...) }
    }

    /// Forgets the entries up to `index`.
    mutating func compact(through index: LogIndex) {
        guard let offset = offset(of: index) else { return }
        base = LogPosition(index: index, term: entries[offset].term)
        entries.removeFirst(offset + 1)
    }
}
