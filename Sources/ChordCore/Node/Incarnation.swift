// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The bounds of incarnations, which are numbers that peers choose.
package enum Incarnation {
    /// The highest one that a message may carry: milliseconds since 1970 until the year 2248. Nothing that
    /// is computed from a peer's number exceeds it.
    package static let highest: UInt64 = 1 << 43

    /// The one after `former`, or ``highest`` where there is none after it.
    package static func following(_ former: UInt64) -> UInt64 {
        former < highest ? former + 1 : highest
    }
}
