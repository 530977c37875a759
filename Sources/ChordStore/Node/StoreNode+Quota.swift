// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Logging

// The node's quota. A leader asks its own node only: a follower that has reached its quota goes on taking what its
// leaders replicate, because a replica that lags behind would cost more than it saves.

extension StoreNode {
    /// What all replicas hold together.
    var heldSize: RangeSize {
        replicas.values.reduce(RangeSize()) { $0.with($1.view.size) }
    }

    /// Counts all rows anew.
    func countBytes() {
        noteBytes(heldSize.bytes)
    }

    /// One replica has another size.
    func countBytes(from old: RangeSize, to new: RangeSize) {
        guard quota.limit != nil else { return }
        noteBytes((quota.used &+ new.bytes) - min(quota.used &+ new.bytes, old.bytes))
    }

    private func noteBytes(_ bytes: UInt64) {
        // The rows of a child that is not born yet are in no replica, and have not gone.
        guard unborn.isEmpty, quota.update(bytes) else { return }
        if let reached = quota.reached {
            logger.warning("this node \(reached)")
        } else {
            logger.notice("this node holds less than its quota again, and takes writes")
        }
    }
}

extension WriteCommand {
    /// Whether the write may add rows or bytes.
    var mayGrow: Bool {
        operations.contains { operation in
            if case .put = operation.action { true } else { false }
        }
    }
}
