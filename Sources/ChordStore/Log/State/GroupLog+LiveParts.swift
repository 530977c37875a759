// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

extension GroupLog {
    /// What a segment holds of the group that is live, as updates for `restore`.
    ///
    /// - Parameter budget: bytes after which no further entries are taken. It falls by what was taken.
    func liveParts(of range: RangeID, in segment: UInt64, _ budget: inout Int) -> [GroupUpdate] {
        var updates: [GroupUpdate] = []
        var parts = GroupUpdate(range)
        if let hardState, hardState.segment == segment { parts.hardState = hardState.value }
        if let compacted, compacted.segment == segment { parts.compactThrough = compacted.value }
        if let tombstone, tombstone.segment == segment { parts.removal = tombstone.value }
        if parts != GroupUpdate(range) {
            updates.append(parts)
            budget -= parts.encodedSize
        }
        var rest = entries[...]
        while budget > 0, let start = rest.firstIndex(where: { $0.segment == segment }) {
            rest = rest[start...]
            var run = GroupUpdate(range)
            budget -= run.encodedSize
            while budget > 0, let next = rest.first, next.segment == segment {
                run.entries.append(next.entry)
                budget -= Self.size(of: next.entry)
                rest.removeFirst()
            }
            updates.append(run)
        }
        return updates
    }
}
