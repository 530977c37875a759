// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase

/// The replicas of a node that rest as followers, by the disk of their leader.
struct RestingReplicas: Hashable, Sendable {
    private struct Group: Hashable, Sendable {
        /// In order.
        var ranges: [RangeID] = []
        /// The last range that was named to the leader's node.
        var named: RangeID?

        /// Where a range is, or belongs.
        func place(of range: RangeID) -> Int {
            var (low, high) = (0, ranges.count)
            while low < high {
                let middle = (low + high) / 2
                if ranges[middle] < range { low = middle + 1 } else { high = middle }
            }
            return low
        }
    }

    private var leaders: [RangeID: DiskID] = [:]
    private var groups: [DiskID: Group] = [:]

    /// The ranges whose leader is on a disk, in order.
    func ranges(under disk: DiskID) -> [RangeID] { groups[disk]?.ranges ?? [] }

    /// The disk of the leader under which a replica rests.
    func leader(of range: RangeID) -> DiskID? { leaders[range] }

    /// A replica has come to rest under a leader; nil: it does not rest any more.
    mutating func note(_ range: RangeID, under disk: DiskID?) {
        if let former = leaders[range] {
            guard former != disk else { return }
            if var group = groups.removeValue(forKey: former) {
                let place = group.place(of: range)
                if place < group.ranges.count, group.ranges[place] == range {
                    group.ranges.remove(at: place)
                }
                if !group.ranges.isEmpty { groups[former] = group }
            }
        }
        leaders[range] = disk
        guard let disk else { return }
        let place = groups[disk, default: Group()].place(of: range)
        groups[disk, default: Group()].ranges.insert(range, at: place)
    }

    /// The next ranges to name to the node with a disk; all have their turn.
    mutating func next(under disk: DiskID, atMost count: Int) -> [RangeID] {
        guard let group = groups[disk] else { return [] }
        var place =
            group.named.map { named in
                let place = group.place(of: named)
                return place < group.ranges.count && group.ranges[place] == named
                    ? place + 1 : place
            } ?? 0
        var ranges: [RangeID] = []
        while ranges.count < min(count, group.ranges.count) {
            if place >= group.ranges.count { place = 0 }
            ranges.append(group.ranges[place])
            place += 1
        }
        groups[disk]?.named = ranges.last
        return ranges
    }
}
