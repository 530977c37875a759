// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// From stream identifiers to small indices: open addressing with linear probing.
///
/// Identifiers of open streams are close to each other and all odd or all even, so half of one, masked,
/// rarely collides: a lookup is one or two loads, and a Dictionary would hash.
package struct StreamTable: ~Copyable {
    private struct Entry: BitwiseCopyable {
        var stream: Int32
        var index: Int32
    }

    private var entries: UnsafeMutablePointer<Entry>
    private var mask: Int
    /// Entries that do not stand where their stream belongs. Mostly none, and then a gap needs no closing.
    private var displaced = 0
    package private(set) var count = 0

    /// The entries of a table without memory of its own, which an idle connection does not need.
    /// They are never written: the first stream makes a table grow.
    private nonisolated(unsafe) static let nothing = makeEntries(1)

    package init() {
        mask = 0
        entries = Self.nothing
    }

    deinit {
        if mask > 0 { entries.deallocate() }
    }

    private static func makeEntries(_ capacity: Int) -> UnsafeMutablePointer<Entry> {
        let entries = UnsafeMutablePointer<Entry>.allocate(capacity: capacity)
        entries.initialize(repeating: Entry(stream: 0, index: 0), count: capacity)
        return entries
    }

    private func home(_ stream: Int32) -> Int { Int(stream >> 1) & mask }

    /// The index of a stream, or -1.
    package func find(_ stream: Int32) -> Int {
        guard stream > 0 else { return -1 }
        var position = home(stream)
        while entries[position].stream != 0 {
            if entries[position].stream == stream { return Int(entries[position].index) }
            position = (position + 1) & mask
        }
        return -1
    }

    /// Adds a stream that is not in the table.
    package mutating func insert(_ stream: Int32, _ index: Int) {
        precondition(stream > 0, "stream \(stream)")
        if (count + 1) * 2 > mask { resize() }
        place(Entry(stream: stream, index: Int32(index)))
        count += 1
    }

    private mutating func place(_ entry: Entry) {
        var position = home(entry.stream)
        while entries[position].stream != 0 { position = (position + 1) & mask }
        entries[position] = entry
        if position != home(entry.stream) { displaced += 1 }
    }

    private mutating func resize() {
        let old = entries
        let oldCapacity = mask + 1
        let capacity = max(16, oldCapacity * 2)
        mask = capacity - 1
        entries = Self.makeEntries(capacity)
        displaced = 0
        for position in 0..<oldCapacity where old[position].stream != 0 { place(old[position]) }
        if oldCapacity > 1 { old.deallocate() }
    }

    /// Takes a stream out and closes the gap, so that no tombstones pile up.
    package mutating func remove(_ stream: Int32) {
        guard stream > 0 else { return }
        var gap = home(stream)
        while entries[gap].stream != stream {
            if entries[gap].stream == 0 { return }
            gap = (gap + 1) & mask
        }
        count -= 1
        if gap != home(stream) { displaced -= 1 }
        var next = (gap + 1) & mask
        while displaced > 0, entries[next].stream != 0 {
            let distanceFromHome = (next &- home(entries[next].stream)) & mask
            let distanceFromGap = (next &- gap) & mask
            if distanceFromHome >= distanceFromGap {
                entries[gap] = entries[next]
                if gap == home(entries[gap].stream) { displaced -= 1 }
                gap = next
            }
            next = (next + 1) & mask
        }
        entries[gap] = Entry(stream: 0, index: 0)
    }
}
