// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The bytes of keys and values that a node may hold, and whether it holds as many.
///
/// Only rows count, and not files: a delete makes the sum smaller at once, while a database keeps the pages that it
/// has freed. The alarm ends below 19/20 of the quota, so that a node at its quota does not change its mind with
/// every write.
package struct StoreQuota: Hashable, Sendable {
    /// The alarm, for those whose writes are refused.
    package struct Reached: Hashable, Sendable, CustomStringConvertible {
        package var used: UInt64
        package var limit: UInt64

        package init(used: UInt64, limit: UInt64) {
            self.used = used
            self.limit = limit
        }

        /// What is wrong, and what to do.
        package var description: String {
            "holds \(used) bytes of keys and values, and its quota is \(limit): delete keys, add nodes, or give it a "
                + "larger quota; reads and deletes are "
                + "possible, and writes again below \(limit / 20 * 19) bytes"
        }
    }

    /// Nil without a quota.
    package let limit: UInt64?
    package private(set) var used: UInt64 = 0
    /// Set from the moment at which the quota is reached until enough was deleted.
    package private(set) var reached: Reached?

    package init(_ limit: UInt64?) {
        self.limit = limit
    }

    /// Takes the present sum.
    ///
    /// - Returns: whether the alarm has begun or ended.
    package mutating func update(_ used: UInt64) -> Bool {
        self.used = used
        guard let limit else { return false }
        let wasReached = reached != nil
        let bound = wasReached ? limit / 20 * 19 : limit
        reached = used >= bound ? Reached(used: used, limit: limit) : nil
        return wasReached != (reached != nil)
    }
}
