// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase

/// The last changes of each range that a node has a replica of, bounded in bytes for all ranges together.
///
/// Every replica keeps them, also one that does not lead and one that nobody watches. So a watcher that comes from a
/// former leader goes on at the new one without a gap.
package struct RecentChanges: Sendable {
    private struct Buffer {
        /// All changes after this version are here.
        var floor: LogIndex
        /// All changes up to this version are here.
        var through: LogIndex
        /// In the order of versions.
        var changes: [AppliedChanges] = []
        var bytes = 0

        init(floor: LogIndex, through: LogIndex) {
            self.floor = floor
            self.through = through
        }

        mutating func append(_ new: AppliedChanges) {
            changes.append(new)
            bytes += new.bytes
        }

        /// Forgets the older half of the changes.
        mutating func halve() {
            let count = (changes.count + 1) / 2
            guard let last = changes.prefix(count).last else { return }
            floor = last.version
            bytes -= changes.prefix(count).reduce(0) { $0 + $1.bytes }
            changes.removeFirst(count)
        }

        /// The place of the first change after a version.
        func index(after version: LogIndex) -> Int {
            var (low, high) = (0, changes.count)
            while low < high {
                let middle = (low + high) / 2
                if changes[middle].version > version { high = middle } else { low = middle + 1 }
            }
            return low
        }
    }

    private var buffers: [RangeID: Buffer] = [:]
    /// What all changes take in memory, about.
    package private(set) var bytes = 0
    private let limit: Int

    /// - Parameter limit: the most bytes that are kept.
    package init(limit: Int) {
        self.limit = limit
    }

    /// A replica starts with a state, or has received one: changes before it are not known.
    package mutating func begin(_ range: RangeID, after version: LogIndex) {
        end(range)
        buffers[range] = Buffer(floor: version, through: version)
    }

    /// The node has no replica of a range any more.
    package mutating func end(_ range: RangeID) {
        bytes -= buffers.removeValue(forKey: range)?.bytes ?? 0
    }

    /// A replica has applied entries. Versions that are known already change nothing.
    ///
    /// - Parameter version: that of the last entry.
    package mutating func note(
        _ changes: [AppliedChanges],
        through version: LogIndex,
        of range: RangeID
    ) {
        guard var buffer = buffers.removeValue(forKey: range) else { return }
        let before = buffer.bytes
        for new in changes where new.version > buffer.changes.last?.version ?? buffer.floor {
            buffer.append(new)
        }
        buffer.through = max(buffer.through, version)
        bytes += buffer.bytes - before
        buffers[range] = buffer
        while bytes > limit { makeRoom() }
    }

    /// The range with the most bytes forgets the older half of its changes.
    private mutating func makeRoom() {
        let largest = buffers.max {
            ($0.value.bytes, $0.key) < ($1.value.bytes, $1.key)
        }
        guard let range = largest?.key, var buffer = buffers.removeValue(forKey: range) else {
            return bytes = 0
        }
        let before = buffer.bytes
        buffer.halve()
        bytes += buffer.bytes - before
        buffers[range] = buffer
    }

    /// The child of a split takes over the changes of its positions, so that those who watch them go on at the child.
    /// The child was begun already; without its parent, or with one that was removed and made anew meanwhile, it knows
    /// no changes.
    package mutating func split(_ parent: RangeID, into child: RangeID, within bounds: RowBounds) {
        guard let former = buffers[parent], let birth = buffers[child]?.floor,
            former.through >= birth
        else { return }
        end(parent)
        end(child)
        var kept = Buffer(floor: former.floor, through: former.through)
        var moved = Buffer(floor: former.floor, through: birth)
        for changes in former.changes {
            if let rest = changes.of({ !bounds.contains($0.position) }) { kept.append(rest) }
            // What the parent has applied after the split is not of these positions.
            guard changes.version <= birth else { continue }
            if let part = changes.of({ bounds.contains($0.position) }) { moved.append(part) }
        }
        // A parent that has gone on may have forgotten more than it knew at the split.
        moved.floor = min(moved.floor, birth)
        bytes += kept.bytes + moved.bytes
        buffers[parent] = kept
        buffers[child] = moved
    }

    /// All changes of a range after a version; nil if some of them are not known any more.
    package func changes(of range: RangeID, after version: LogIndex) -> ArraySlice<AppliedChanges>?
    {
        guard let buffer = buffers[range], version >= buffer.floor else { return nil }
        return buffer.changes[buffer.index(after: version)...]
    }
}
