// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

/// Where ranges are that this node has no replica of, as far as it has heard. Hints in memory: a wrong one costs
/// a call, and never an answer.
struct RangeDirectory {
    /// More hints find more ranges at once, and take memory.
    private static let most = 4096

    /// A range's time is believed for so long. A write that was prepared much earlier would count as forgotten.
    private static let timeLifetime: Duration = .seconds(60)

    private var hints: [RangeID: RangeHint] = [:]
    private var times: [RangeID: (time: RangeTime, heard: Duration)] = [:]

    /// The newest hint about the range with a position.
    func hint(for position: Identifier) -> RangeHint? {
        hints.values.filter { $0.descriptor.bounds.contains(position) }
            .max { $1.isNewer(than: $0) }
    }

    /// Notes a hint, unless a newer one about the range is known.
    mutating func note(_ hint: RangeHint) {
        let range = hint.descriptor.id
        if let known = hints[range], known.isNewer(than: hint) { return }
        if hints.count >= Self.most, hints[range] == nil, let any = hints.keys.first {
            hints[any] = nil
        }
        hints[range] = hint
    }

    /// Forgets a hint that led nowhere.
    mutating func forget(_ range: RangeID) { hints[range] = nil }

    /// A range has answered at a time of its own.
    mutating func note(_ time: RangeTime, of range: RangeID, now: Duration) {
        if times.count >= Self.most, times[range] == nil { times.removeAll() }
        times[range] = (time, now)
    }

    /// The last known time of a range; nil if it is not known well enough.
    func time(of range: RangeID, now: Duration) -> RangeTime? {
        guard let known = times[range], now - known.heard < Self.timeLifetime else { return nil }
        return known.time
    }
}
