// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Which of the ranges that a node leads it tells the owners of their ends about now: each at every change, and again
/// after a time, because hints are in memory and owners change.
struct HintSchedule {
    private struct Told {
        var hint: RangeHint
        var at: Duration
    }

    private let interval: Duration
    /// Ranges of one round. More tell of many ranges sooner; fewer spread the lookups and calls.
    private let most: Int
    private var told: [RangeID: Told] = [:]

    /// - Parameters:
    ///   - interval: the time after which an unchanged range is told again.
    ///   - most: ranges that one round tells of at most, 1 or more.
    init(interval: Duration = .seconds(10), most: Int = 64) {
        self.interval = interval
        self.most = max(1, most)
    }

    /// The ranges to tell of now. They count as told.
    ///
    /// - Parameter hints: the ranges that the node leads.
    mutating func due(_ hints: [RangeHint], now: Duration) -> [RangeHint] {
        let led = Set(hints.map(\.descriptor.id))
        told = told.filter { led.contains($0.key) }
        var due: [(hint: RangeHint, since: Duration)] = []
        for hint in hints {
            let known = told[hint.descriptor.id]
            if let known, known.hint == hint {
                guard now - known.at >= interval else { continue }
                due.append((hint, known.at))
            } else {
                // A change goes before repetitions.
                due.append((hint, .zero))
            }
        }
        let chosen = due.sorted { left, right in
            left.since != right.since
                ? left.since < right.since : left.hint.descriptor.id < right.hint.descriptor.id
        }.prefix(most)
        for (hint, _) in chosen { told[hint.descriptor.id] = Told(hint: hint, at: now) }
        return chosen.map(\.hint)
    }
}
