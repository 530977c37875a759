// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A half-open arc of the ring: every identifier after the lower bound, up to and including the
/// upper bound.
///
/// A node owns such a range: (predecessor, self]. Equal bounds mean the whole circle, so there is
/// no empty range. Two ranges of the whole circle with different bounds contain the same
/// identifiers, but are different values.
public struct IdentifierRange: Hashable, Sendable {
    /// Where the range starts; not part of it unless it is the whole circle.
    public let lowerBound: Identifier
    /// Where the range ends; part of it.
    public let upperBound: Identifier

    /// Makes the range (`lowerBound`, `upperBound`], clockwise.
    public init(after lowerBound: Identifier, through upperBound: Identifier) {
        self.lowerBound = lowerBound
        self.upperBound = upperBound
    }

    /// Whether every identifier is in the range.
    public var isWholeCircle: Bool { lowerBound == upperBound }

    /// Whether the identifier is in the range.
    public func contains(_ identifier: Identifier) -> Bool {
        identifier.isIn(after: lowerBound, through: upperBound)
    }

    /// The part of this range that is not in the other: none, one or two ranges, clockwise from
    /// this range's lower bound.
    ///
    /// The new range without the old one is the gain of an ownership change; the old range without
    /// the new one is its loss. Adjacent results are combined.
    public func subtracting(_ other: IdentifierRange) -> [IdentifierRange] {
        if other.isWholeCircle { return [] }
        let rest = IdentifierRange(after: other.upperBound, through: other.lowerBound)
        if isWholeCircle { return [rest] }
        return intersection(with: rest)
    }

    /// The arcs common to two ranges of which neither is the whole circle.
    ///
    /// Each arc starts where one of the two starts inside the other, and ends where the first of
    /// them ends. Two arcs come out when the ranges overlap at both ends.
    private func intersection(with other: IdentifierRange) -> [IdentifierRange] {
        var arcs: [IdentifierRange] = []
        let start = lowerBound
        if start == other.lowerBound || start.isBetween(other.lowerBound, and: other.upperBound) {
            arcs.append(arc(after: start, with: other))
        }
        if other.lowerBound.isBetween(lowerBound, and: upperBound) {
            arcs.append(arc(after: other.lowerBound, with: other))
        }
        return arcs
    }

    private func arc(after start: Identifier, with other: IdentifierRange) -> IdentifierRange {
        let endsFirst = upperBound.isIn(after: start, through: other.upperBound)
        return IdentifierRange(after: start, through: endsFirst ? upperBound : other.upperBound)
    }
}

extension IdentifierRange: CustomStringConvertible {
    /// The range as `(lower, upper]` in hexadecimal.
    public var description: String { "(\(lowerBound), \(upperBound)]" }
}
