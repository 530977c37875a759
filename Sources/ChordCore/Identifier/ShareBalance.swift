// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Checks whether the shares of a ring's members look like those of random identifiers.
///
/// A hash whose leading bits are not evenly distributed puts all members into a small arc of the
/// circle; the member after the gap then owns nearly all keys.
package enum ShareBalance {
    /// One ring in a million has such a member by chance.
    package static let leastProbability = 1e-6

    /// Whether a share of the circle is larger than chance explains for any member of a ring.
    ///
    /// The probability that the largest of N shares is x or more is at most N (1 - x)^(N - 1).
    ///
    /// - Parameters:
    ///   - share: of the circle, 0 to 1.
    ///   - members: of the ring, or as many of them as are known: fewer make the judgement milder.
    package static func isBeyondChance(share: Double, members: Int) -> Bool {
        guard members >= 2, share > 0 else { return false }
        var bound = Double(members)
        let rest = max(0, 1 - share)
        for _ in 1..<members {
            bound *= rest
            if bound < leastProbability { return true }
        }
        return false
    }
}
