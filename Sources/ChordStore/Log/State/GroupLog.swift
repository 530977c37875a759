// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// What the log holds of one group, and in which segment each part of it lies.
///
/// `apply` is for batches that are submitted: `problem` has said before that they fit. `replay` is for
/// records that are read back. The log may begin in the middle of a group's history, because garbage
/// collection deletes the oldest segments: records may follow whose predecessors were dead when those were
/// deleted. So replay accepts gaps. They must be gone at the end, which `gap` says.
struct GroupLog: Sendable {
    /// An entry and the segment that holds it.
    struct StoredEntry: Sendable {
        var entry: LogEntry
        var segment: UInt64
    }

    /// A part other than an entry, and the segment that holds it.
    struct Stored<Value: Sendable>: Sendable {
        var value: Value
        var segment: UInt64
    }

    private(set) var hardState: Stored<HardState>?
    private(set) var compacted: Stored<LogPosition>?
    private(set) var tombstone: Stored<ReplicaNumber>?
    private(set) var entries: [StoredEntry] = []

    /// Bytes that a part other than an entry counts for, about what its record has.
    static let partSize = 40

    /// Bytes that an entry counts for: those of its record.
    static func size(of entry: LogEntry) -> Int {
        entry.payload.count + GroupUpdate.entryOverhead
    }

    var compactedThrough: LogPosition { compacted?.value ?? .zero }

    /// The place of the last entry, or where the log begins if it has none.
    var last: LogPosition {
        entries.last.map { LogPosition(index: $0.entry.index, term: $0.entry.term) }
            ?? compactedThrough
    }

    /// What a reader of the log gets; nil where nothing but a tombstone is left.
    var recovered: RecoveredGroup? {
        guard hardState != nil || compacted != nil || !entries.isEmpty else { return nil }
        return RecoveredGroup(
            hardState: hardState?.value ?? HardState(),
            compactedThrough: compactedThrough,
            entries: entries.map(\.entry)
        )
    }

    /// Where entries are missing; nil where the log is whole.
    var gap: String? {
        var expected = compactedThrough.index
        for stored in entries {
            guard stored.entry.index == expected.successor else {
                return "entry \(stored.entry.index) follows \(expected)"
            }
            expected = stored.entry.index
        }
        return nil
    }

    /// The offset of the first entry that has an index of at least `index`.
    private func offset(of index: LogIndex) -> Int {
        guard let first = entries.first?.entry.index, index > first else { return 0 }
        let guess = index.entries(after: first)
        // Without gaps, which is always but during replay, the guess is right.
        if guess < entries.count, entries[guess].entry.index == index { return guess }
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].entry.index < index { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The term of the entry at an index that the log has.
    func term(at index: LogIndex) -> Term? {
        if index == compactedThrough.index { return compactedThrough.term }
        let offset = offset(of: index)
        guard offset < entries.count, entries[offset].entry.index == index else { return nil }
        return entries[offset].entry.term
    }

    // MARK: Changing

    /// Applies an update that has no problem.
    mutating func apply(
        _ update: GroupUpdate,
        in segment: UInt64,
        _ usage: inout some LogUsage
    ) {
        applyAllButEntries(update, in: segment, &usage)
        append(update.entries, of: update.range, in: segment, &usage)
    }

    private mutating func applyAllButEntries(
        _ update: GroupUpdate,
        in segment: UInt64,
        _ usage: inout some LogUsage
    ) {
        let range = update.range
        if let next = update.removal {
            remove(next: next, of: range, in: segment, &usage)
            return
        }
        if let hardState = update.hardState {
            set(hardState, of: range, in: segment, &usage)
        }
        if let position = update.reset {
            drop(0..<entries.count, of: range, &usage)
            compact(through: position, of: range, in: segment, &usage)
        }
        if let index = update.truncateAfter {
            drop(offset(of: index.successor)..<entries.count, of: range, &usage)
        }
        if let position = update.compactThrough, position.index > compactedThrough.index {
            compact(through: position, of: range, in: segment, &usage)
        }
    }

    /// Applies an update that a batch wrote.
    mutating func replay(
        _ update: GroupUpdate,
        in segment: UInt64,
        _ usage: inout some LogUsage
    ) throws(Contradiction) {
        if let problem = update.hardState.flatMap({ problem(with: $0) }) {
            throw Contradiction(problem)
        }
        if let problem = update.reset.flatMap({ contradiction(with: $0) }) {
            throw Contradiction(problem)
        }
        if let position = update.compactThrough,
            let problem = contradiction(with: position, mayBeOld: true)
        {
            throw Contradiction(problem)
        }
        applyAllButEntries(update, in: segment, &usage)
        if let first = update.entries.first?.index, let last = entries.last?.entry.index,
            first <= last
        {
            throw Contradiction("entry \(first) follows entry \(last)")
        }
        append(update.entries, of: update.range, in: segment, &usage)
    }

    /// Applies an update that garbage collection wrote: parts of the group as it was then, at their places.
    mutating func restore(
        _ update: GroupUpdate,
        in segment: UInt64,
        _ usage: inout some LogUsage
    ) throws(Contradiction) {
        let range = update.range
        if let next = update.removal {
            bury(next: next, of: range, in: segment, &usage)
        }
        if let hardState = update.hardState {
            if let problem = problem(with: hardState) { throw Contradiction(problem) }
            set(hardState, of: range, in: segment, &usage)
        }
        if let position = update.compactThrough {
            if let problem = contradiction(with: position) { throw Contradiction(problem) }
            compact(through: position, of: range, in: segment, &usage)
        }
        guard let first = update.entries.first, let last = update.entries.last else { return }
        let start = offset(of: first.index)
        let end = offset(of: last.index.successor)
        for old in entries[start..<end] {
            // The entries of an update have no gaps.
            let new = update.entries[old.entry.index.entries(after: first.index)]
            guard new.term == old.entry.term else {
                throw Contradiction("entry \(old.entry.index) is there with another term")
            }
        }
        release(entries[start..<end], of: range, &usage)
        let stored = update.entries.map { StoredEntry(entry: $0, segment: segment) }
        entries.replaceSubrange(start..<end, with: stored)
        usage.change(segment, of: range, by: Self.size(of: stored[...]))
    }

    private mutating func set(
        _ new: HardState,
        of range: RangeID,
        in segment: UInt64,
        _ usage: inout some LogUsage
    ) {
        if let hardState { usage.change(hardState.segment, of: range, by: -Self.partSize) }
        hardState = Stored(value: new, segment: segment)
        usage.change(segment, of: range, by: Self.partSize)
    }

    private mutating func compact(
        through position: LogPosition,
        of range: RangeID,
        in segment: UInt64,
        _ usage: inout some LogUsage
    ) {
        drop(0..<offset(of: position.index.successor), of: range, &usage)
        if let compacted { usage.change(compacted.segment, of: range, by: -Self.partSize) }
        compacted = Stored(value: position, segment: segment)
        usage.change(segment, of: range, by: Self.partSize)
    }

    private mutating func append(
        _ new: [LogEntry],
        of range: RangeID,
        in segment: UInt64,
        _ usage: inout some LogUsage
    ) {
        guard !new.isEmpty else { return }
        var bytes = 0
        for entry in new {
            entries.append(StoredEntry(entry: entry, segment: segment))
            bytes += Self.size(of: entry)
        }
        usage.change(segment, of: range, by: bytes)
    }

    /// Leaves a tombstone and nothing else.
    private mutating func remove(
        next: ReplicaNumber,
        of range: RangeID,
        in segment: UInt64,
        _ usage: inout some LogUsage
    ) {
        drop(0..<entries.count, of: range, &usage)
        if let hardState { usage.change(hardState.segment, of: range, by: -Self.partSize) }
        if let compacted { usage.change(compacted.segment, of: range, by: -Self.partSize) }
        hardState = nil
        compacted = nil
        bury(next: next, of: range, in: segment, &usage)
    }

    private mutating func bury(
        next: ReplicaNumber,
        of range: RangeID,
        in segment: UInt64,
        _ usage: inout some LogUsage
    ) {
        if let tombstone {
            // A lower number says nothing new. The record of the higher one stays the one that counts.
            guard next >= tombstone.value else { return }
            usage.change(tombstone.segment, of: range, by: -Self.partSize)
        }
        tombstone = Stored(value: next, segment: segment)
        usage.change(segment, of: range, by: Self.partSize)
    }

    private mutating func drop(
        _ offsets: Range<Int>,
        of range: RangeID,
        _ usage: inout some LogUsage
    ) {
        guard !offsets.isEmpty else { return }
        release(entries[offsets], of: range, &usage)
        entries.removeSubrange(offsets)
    }

    private func release(
        _ dropped: ArraySlice<StoredEntry>,
        of range: RangeID,
        _ usage: inout some LogUsage
    ) {
        var rest = dropped
        // One change for each run of entries of the same segment.
        while let segment = rest.first?.segment {
            let run = rest.prefix { $0.segment == segment }
            usage.change(segment, of: range, by: -Self.size(of: run))
            rest = rest.dropFirst(run.count)
        }
    }

    private static func size(of entries: ArraySlice<StoredEntry>) -> Int {
        entries.reduce(0) { $0 + size(of: $1.entry) }
    }
}

/// Two records of a log that cannot both be true.
struct Contradiction: Error {
    let reason: String

    init(_ reason: String) {
        self.reason = reason
    }
}

/// Counts the live bytes of each segment.
protocol LogUsage: Sendable {
    mutating func change(_ segment: UInt64, of range: RangeID, by bytes: Int)
}
