// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordCore

/// A change of what this node owns. The changes that one reader sees follow each other without a gap: each
/// `from` is the former `to`.
public struct RangeChange: Hashable, Sendable {
    /// What it owned; nil when it was no member.
    public var from: IdentifierRange?
    /// What it owns now; nil when it is no member any more.
    public var to: IdentifierRange?
    /// Why; nil for the first element that a reader sees, which is the present range.
    public var cause: RingEvent.Cause?

    /// What has become this node's.
    public var gained: [IdentifierRange] {
        guard let to else { return [] }
        return from.map { to.subtracting($0) } ?? [to]
    }

    /// What is this node's no longer.
    public var lost: [IdentifierRange] {
        guard let from else { return [] }
        return to.map { from.subtracting($0) } ?? [from]
    }
}
