// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

/// The state needed to judge the answers of client lookups in progress.
struct LookupAuditor {
    struct Call {
        var target: Identifier
        var time: Int64
        /// The owner at the start of the lookup.
        var owner: Identifier?
    }

    private var calls: [Int: Call] = [:]
    private var lastCall = 0
    private var sortedMembers: [Identifier]?

    mutating func begin(_ target: Identifier, at time: Int64, owner: Identifier?) -> Int {
        lastCall += 1
        calls[lastCall] = Call(target: target, time: time, owner: owner)
        return lastCall
    }

    mutating func end(_ call: Int) -> Call? {
        calls.removeValue(forKey: call)
    }

    /// A node has become a member, or has stopped being one.
    mutating func ownersChanged() {
        sortedMembers = nil
    }

    mutating func members(_ compute: () -> [Identifier]) -> [Identifier] {
        if let sortedMembers { return sortedMembers }
        let members = compute()
        sortedMembers = members
        return members
    }

    static func firstIndex(atLeast id: Identifier, in ids: [Identifier]) -> Int {
        var low = 0
        var high = ids.count
        while low < high {
            let middle = (low + high) / 2
            if ids[middle] < id { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
