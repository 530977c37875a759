// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A place in a log: index and term of an entry.
package struct LogPosition: Hashable, Sendable, Comparable, CustomStringConvertible, BitwiseCopyable
{
    package var index: LogIndex
    package var term: Term

    package init(index: LogIndex, term: Term) {
        self.index = index
        self.term = term
    }

    /// The place before the first entry.
    package static let zero = Self(index: .zero, term: .zero)

    /// Whether a log that ends at `left` is less up to date than one that ends at `right` [Ongaro 3.6.1].
    package static func < (left: Self, right: Self) -> Bool {
        (left.term, left.index) < (right.term, right.index)
    }

    var isPlausible: Bool { index.isPlausible && term.isPlausible }

    /// For instance `12@3`: index 12, term 3.
    package var description: String { "\(index)@\(term)" }
}
