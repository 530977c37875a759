// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A replica whose data cannot be read, or whose rows and log contradict each other, as after a part of them was lost.
/// Its data stay as they are until it was removed from its range.
struct DamagedReplica {
    let number: ReplicaNumber
    let descriptor: RangeDescriptor
    let state: AppliedState
    /// When it may be asked again whether the replica was removed.
    var nextInquiry: Duration = .zero

    init(_ replica: Replica) {
        number = replica.number
        descriptor = replica.view.descriptor
        state = replica.state
    }

    init(_ stored: StoredReplica) {
        number = stored.number
        descriptor = stored.state.descriptor
        state = AppliedState(stored)
    }
}
