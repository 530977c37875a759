// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

/// Finds the range that a position is in, in logarithmic time.
struct RangeIndex: Hashable, Sendable {
    private struct Entry: Hashable, Sendable {
        var bounds: IdentifierRange
        var range: RangeID
    }

    /// Ranges without a common position, by their upper bounds.
    private var entries: [Entry] = []
    /// Ranges that overlap one of ``entries``. There are few: replicas that were removed and do not know it.
    private var overlapping: [Entry] = []
    private var bounds: [RangeID: IdentifierRange] = [:]

    /// Sets the bounds of a range; nil: it is not here any more.
    mutating func set(_ range: RangeID, _ bounds: IdentifierRange?) {
        guard self.bounds[range] != bounds else { return }
        if self.bounds[range] != nil { remove(range) }
        self.bounds[range] = bounds
        guard let bounds else { return }
        add(Entry(bounds: bounds, range: range))
    }

    /// The range that has a position; of several the one with the smallest identifier.
    func range(at position: Identifier) -> RangeID? {
        var found = overlapping.filter { $0.bounds.contains(position) }.map(\.range)
        if !entries.isEmpty {
            let entry = entries[place(of: position) % entries.count]
            if entry.bounds.contains(position) { found.append(entry.range) }
        }
        return found.min()
    }

    /// The first entry whose upper bound is at or after a position; the number of entries if there is none.
    private func place(of position: Identifier) -> Int {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].bounds.upperBound < position {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }

    private mutating func add(_ entry: Entry) {
        let place = place(of: entry.bounds.upperBound)
        // Among ranges that do not overlap, only the neighbours can overlap a new one.
        let count = entries.count
        let isFree =
            count == 0
            || [place % count, (place + count - 1) % count].allSatisfy {
                !entries[$0].bounds.overlaps(entry.bounds)
            }
        if isFree { entries.insert(entry, at: place) } else { overlapping.append(entry) }
    }

    private mutating func remove(_ range: RangeID) {
        overlapping.removeAll { $0.range == range }
        guard let bounds = bounds[range], !entries.isEmpty else { return }
        let place = place(of: bounds.upperBound)
        guard place < entries.count, entries[place].range == range else { return }
        entries.remove(at: place)
        // What the removed range was in the way of has its place now.
        let waiting = overlapping
        overlapping = []
        for entry in waiting { add(entry) }
    }
}
