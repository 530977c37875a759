// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordBase

/// Which store a node's disk belongs to, and which disk it is.
package struct StoreIdentity: Hashable, Sendable {
    package var store: StoreID
    /// The node with its disk and present address.
    package var member: StoreMember
    /// How often the node has started with this disk, 1 or more.
    package var starts: UInt64

    package init(store: StoreID, member: StoreMember, starts: UInt64) {
        self.store = store
        self.member = member
        self.starts = starts
    }
}
