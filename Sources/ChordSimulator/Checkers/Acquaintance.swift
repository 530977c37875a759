// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Which members can still find each other. Separate rings can merge as long as a member of one
/// knows a member of the other. Otherwise only an operator can connect them.
package enum Acquaintance {
    /// The number of groups whose members know no member of another group.
    ///
    /// - Parameter known: the processes that each member could call; entries that are not members are
    ///   ignored. A process is named by its number and not by its identifier, because two lives of one name
    ///   can stand at one identifier: who knows one of them does not know the other.
    package static func groups(_ known: [Int: [Int]]) -> Int {
        var parents: [Int: Int] = [:]
        for member in known.keys { parents[member] = member }
        func root(_ member: Int) -> Int {
            var member = member
            while let parent = parents[member], parent != member { member = parent }
            return member
        }
        var groups = known.count
        for (member, others) in known {
            for other in others where known[other] != nil {
                let (left, right) = (root(member), root(other))
                guard left != right else { continue }
                parents[left] = right
                groups -= 1
            }
        }
        return groups
    }
}
