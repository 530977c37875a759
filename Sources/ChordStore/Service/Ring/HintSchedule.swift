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

    /// A range to tell of, and the replicas that it had when it was told of last and has no more. They are told too: no
    /// leader calls them, so they would go on to wait for one.
    struct Due: Equatable {
        var hint: RangeHint
        var former: [ReplicaDescriptor] = []
    }

    /// The ranges to tell of now. They count as told.
    ///
    /// - Parameter hints: the ranges that the node leads.
    mutating func due(_ hints: [RangeHint], now: Duration) -> [Due] {
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
        return chosen.map { hint, _ in
            let before = told.updateValue(Told(hint: hint, at: now), forKey: hint.descriptor.id)
            let former = before?.hint.descriptor.replicas.filter {
                hint.descriptor.replica($0.number) == nil
            }
            return Due(hint: hint, former: former ?? [])
        }
    }
}
