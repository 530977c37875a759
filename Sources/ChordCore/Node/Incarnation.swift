// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The bounds of incarnations, which peers choose.
package enum Incarnation {
    /// The highest incarnation that a message may carry: milliseconds since 1970 until the year
    /// 2248. No number computed from a peer's number exceeds it.
    package static let highest: UInt64 = 1 << 43

    /// The incarnation after `former`, at most ``highest``.
    package static func following(_ former: UInt64) -> UInt64 {
        former < highest ? former + 1 : highest
    }
}
