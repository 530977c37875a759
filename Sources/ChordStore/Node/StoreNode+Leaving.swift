// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordBase

// Nodes that leave for good: their replicas move first.

extension StoreNode {
    /// How long a node's word counts that it leaves. It repeats it every second.
    private static let wordLifetime: Duration = .seconds(10)

    /// A node has said that it leaves for good.
    package func noteLeaving(_ disk: DiskID, said name: String) {
        leaving[disk] = (name, now + Self.wordLifetime)
    }

    /// The disks whose nodes leave for good. The word of a node about another one's disk does not count.
    func departing(from descriptor: RangeDescriptor, _ wanted: [StoreMember]?) -> Set<DiskID> {
        let now = now
        leaving = leaving.filter { $0.value.until > now }
        return Set(
            leaving.filter { disk, word in
                let holder =
                    descriptor.replica(on: disk)?.node ?? wanted?.first { $0.disk == disk }?.node
                return holder == word.node
            }.keys
        )
    }

    /// What keeps this node's disk in ranges.
    package struct Remaining: Sendable {
        /// The ranges, with their leaders as far as they are known.
        package var ranges: [RangeHint] = []
        /// Ranges that nobody else has: they are lost if the node leaves.
        package var onlyHere: [RangeID] = []
        /// Ranges without a known leader.
        package var leaderless: [RangeID] = []
    }

    /// The ranges that have a replica on this disk.
    package var remaining: Remaining {
        var remaining = Remaining()
        for replica in replicas.values.sorted(by: { $0.range < $1.range }) {
            remaining.ranges.append(hint(of: replica))
            if replica.placement == .wait(.lastCopy) { remaining.onlyHere.append(replica.range) }
            if replica.machine.leader == nil { remaining.leaderless.append(replica.range) }
        }
        return remaining
    }
}
