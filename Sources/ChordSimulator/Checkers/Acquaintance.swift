// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore

/// Who could still find whom. Rings that came apart can become one again as long as somebody on one side
/// knows somebody on the other; once nobody does, only an operator can bring them together.
package enum Acquaintance {
    /// The groups of members of which nobody knows anybody in another group.
    ///
    /// - Parameter known: whom each member could call; who is no member does not count.
    package static func groups(_ known: [Identifier: [Identifier]]) -> Int {
        var parents: [Identifier: Identifier] = [:]
        for member in known.keys { parents[member] = member }
        func root(_ member: Identifier) -> Identifier {
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
