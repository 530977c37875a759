// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore

// Rings that are born from a set of founders.

extension NodeShell {
    /// Takes the place after a member whose state is known beforehand, without asking anybody: what the
    /// founders of a ring do.
    ///
    /// - Returns: whether this node belongs there.
    package func takePlace(after state: RingState) -> Bool {
        guard machine.phase == .outside, end == nil, let directives = machine.join(after: state)
        else { return false }
        perform(directives)
        return true
    }
}
