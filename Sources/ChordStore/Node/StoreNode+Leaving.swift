// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordBase

// Nodes that leave for good: their replicas move first.

/// A node that has said that it leaves for good.
struct LeavingNode {
    var node: String
    /// Until when its last word counts.
    var until: Duration
}

extension StoreNode {
    /// How long a node's word counts that it leaves. It repeats it every second.
    private static let wordLifetime: Duration = .seconds(10)

    /// A node has said that it leaves for good.
    package func noteLeaving(_ disk: DiskID, said name: String) {
        leaving[disk] = LeavingNode(node: name, until: now + Self.wordLifetime)
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
        /// Ranges whose other voters are no majority, because these of their nodes are silent, and to which no member
        /// is being added.
        package var withoutMajority: [(range: RangeID, silent: [String])] = []
    }

    /// The ranges that have a replica on this disk.
    package var remaining: Remaining {
        var remaining = Remaining()
        for replica in replicas.values.sorted(by: { $0.range < $1.range }) {
            remaining.ranges.append(hint(of: replica))
            if replica.placement == .wait(.lastCopy) { remaining.onlyHere.append(replica.range) }
            if replica.machine.leader == nil { remaining.leaderless.append(replica.range) }
            if let silent = silentNodes(withoutMajorityIn: replica.view.descriptor) {
                remaining.withoutMajority.append((replica.range, silent))
            }
        }
        return remaining
    }

    /// The silent nodes of a range whose voters on other disks are no majority without them; nil if they are one, or
    /// if another member is being added.
    private func silentNodes(withoutMajorityIn descriptor: RangeDescriptor) -> [String]? {
        let others = descriptor.replicas.filter { $0.disk != identity.member.disk }
        guard others.allSatisfy({ $0.role == .voter }), !others.isEmpty else { return nil }
        let silent = others.filter { liveness.state(of: $0.disk) == .missing }.map(\.node)
        return others.count - silent.count > others.count / 2 ? nil : silent
    }
}
