// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import Testing

/// The kinds of tests. Every suite carries one of the first four, and `slow` besides where it applies.
extension Tag {
    /// One value or type, in memory.
    @Tag package static var unit: Self
    /// Several nodes or parts together, in one process, on executors that the test drives.
    @Tag package static var interaction: Self
    /// Rings under the simulator's virtual clock, from a seed.
    @Tag package static var simulation: Self
    /// Sockets or processes of their own.
    @Tag package static var network: Self
    /// Takes several seconds.
    @Tag package static var slow: Self
}
