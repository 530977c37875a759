// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

/// Where ranges are that this node has no replica of, as far as it has heard. Hints in memory: a wrong one costs
/// a call, and never an answer.
struct RangeDirectory {
    private struct Entry {
        var hint: RangeHint
        /// Grows with each hint that is noted.
        var noted: UInt64
    }

    /// More hints find more ranges at once, and take memory.
    private let capacity: Int

    /// A range's time is believed for so long. A write that was prepared much earlier would count as forgotten.
    private static let timeLifetime: Duration = .seconds(60)

    /// By the ends of their ranges. The ranges do not overlap.
    private var entries: [Entry] = []
    private var lastNoted: UInt64 = 0
    private var times: [RangeID: (time: RangeTime, heard: Duration)] = [:]

    init(capacity: Int = 4096) {
        self.capacity = max(1, capacity)
    }

    var count: Int { entries.count }

    /// The newest hint about the range with a position.
    func hint(for position: Identifier) -> RangeHint? {
        guard !entries.isEmpty else { return nil }
        let place = place(of: position)
        // After the last end begins the range that ends first.
        let hint = entries[place < entries.count ? place : 0].hint
        return hint.descriptor.bounds.contains(position) ? hint : nil
    }

    /// Notes a hint, unless a newer one is known about the range or a part of it.
    ///
    /// Each split raises the epoch of the bounds of both parts. So of two ranges that overlap, the one with the higher
    /// epoch is there now.
    mutating func note(_ hint: RangeHint) {
        let descriptor = hint.descriptor
        for entry in entries where entry.hint.descriptor.bounds.overlaps(descriptor.bounds) {
            let known = entry.hint
            let isOlder =
                known.descriptor.id == descriptor.id
                ? known.isNewer(than: hint)
                : known.descriptor.epoch.bounds > descriptor.epoch.bounds
            if isOlder { return }
        }
        entries.removeAll { entry in
            entry.hint.descriptor.id == descriptor.id
                || entry.hint.descriptor.bounds.overlaps(descriptor.bounds)
        }
        if entries.count >= capacity,
            let oldest = entries.indices.min(by: { entries[$0].noted < entries[$1].noted })
        {
            entries.remove(at: oldest)
        }
        lastNoted += 1
        entries.insert(
            Entry(hint: hint, noted: lastNoted),
            at: place(of: descriptor.bounds.upperBound)
        )
    }

    /// Forgets a hint that led nowhere.
    mutating func forget(_ range: RangeID) {
        entries.removeAll { $0.hint.descriptor.id == range }
    }

    /// The first place whose range does not end before a position.
    private func place(of position: Identifier) -> Int {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].hint.descriptor.bounds.upperBound < position {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }

    // MARK: - Times

    /// A range has answered at a time of its own.
    mutating func note(_ time: RangeTime, of range: RangeID, now: Duration) {
        if times.count >= capacity, times[range] == nil { times.removeAll() }
        times[range] = (time, now)
    }

    /// The last known time of a range; nil if it is not known well enough.
    func time(of range: RangeID, now: Duration) -> RangeTime? {
        guard let known = times[range], now - known.heard < Self.timeLifetime else { return nil }
        return known.time
    }
}
