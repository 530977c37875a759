// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

/// Where ranges are that this node has no replica of, as far as it has heard. Hints in memory: a wrong one costs
/// a call, and never an answer.
struct RangeDirectory {
    /// More hints find more ranges at once, and take memory.
    private static let most = 4096

    private var hints: [RangeID: RangeHint] = [:]

    /// The newest hint about the range with a position.
    func hint(for position: Identifier) -> RangeHint? {
        hints.values.filter { $0.descriptor.bounds.contains(position) }
            .max { $1.isNewer(than: $0) }
    }

    /// Notes a hint, unless a newer one about the range is known.
    mutating func note(_ hint: RangeHint) {
        let range = hint.descriptor.id
        if let known = hints[range], known.isNewer(than: hint) { return }
        if hints.count >= Self.most, hints[range] == nil, let any = hints.keys.first { hints[any] = nil }
        hints[range] = hint
    }

    /// Forgets a hint that led nowhere.
    mutating func forget(_ range: RangeID) { hints[range] = nil }
}
