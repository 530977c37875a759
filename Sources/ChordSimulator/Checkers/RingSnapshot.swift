// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore

/// The states of a ring's members at one moment, for the checkers. Machine simulations and node
/// simulations make the same snapshots.
package struct RingSnapshot: Sendable {
    /// A successor list that a node will have when a message in flight to it arrives.
    package struct PendingList: Hashable, Sendable {
        package var owner: Identifier
        package var successors: [Identifier]

        package init(owner: Identifier, successors: [Identifier]) {
            self.owner = owner
            self.successors = successors
        }
    }

    /// The members, in the order of their identifiers.
    package var members: [RoutingView]
    /// Lists in flight.
    package var pending: [PendingList]
    package var successorCount: Int

    package init(members: [RoutingView], pending: [PendingList] = [], successorCount: Int) {
        self.members = members.filter(\.isMember).sorted { $0.node.id < $1.node.id }
        self.pending = pending
        self.successorCount = successorCount
    }

    /// The member that owns an identifier: the first one at or after it, around the circle.
    package func owner(of id: Identifier) -> NodeReference? {
        members.isEmpty ? nil : members[firstIndex(atLeast: id) % members.count].node
    }

    func contains(_ id: Identifier) -> Bool {
        let index = firstIndex(atLeast: id)
        return index < members.count && members[index].node.id == id
    }

    func firstIndex(atLeast id: Identifier) -> Int {
        var low = 0
        var high = members.count
        while low < high {
            let middle = (low + high) / 2
            if members[middle].node.id < id { low = middle + 1 } else { high = middle }
        }
        return low
    }

    func firstIndex(after id: Identifier) -> Int {
        let index = firstIndex(atLeast: id)
        return index < members.count && members[index].node.id == id ? index + 1 : index
    }
}
