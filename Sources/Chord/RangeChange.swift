// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordCore

/// A change of the range that this node owns. The changes that one reader sees have no gaps: each
/// `from` equals the `to` of the change before.
public struct RangeChange: Hashable, Sendable {
    /// The range before; nil if the node was not a member.
    public var from: IdentifierRange?
    /// The range after; nil if the node is not a member any more.
    public var to: IdentifierRange?
    /// The cause; nil for a reader's first element, which is the present range.
    public var cause: RingEvent.Cause?

    /// The parts that the node has gained.
    public var gained: [IdentifierRange] {
        guard let to else { return [] }
        return from.map { to.subtracting($0) } ?? [to]
    }

    /// The parts that the node has lost.
    public var lost: [IdentifierRange] {
        guard let from else { return [] }
        return to.map { from.subtracting($0) } ?? [from]
    }
}
