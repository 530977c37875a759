// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import Synchronization

/// A service of a program's own: tells clients how much of the circle the node owns, and how often that has
/// changed.
final class RangeStatistics: NodeService {
    /// The method: its name, who may call it and how long a request may be. The node holds its callers to it.
    static let report = RPCMethod(
        service: "example.v1.RangeStatistics",
        name: "Report",
        callers: [.clients, .admins],
        maximumMessageBytes: 16
    )

    private let permille = Atomic<Int>(0)
    private let changes = Atomic<Int>(0)

    var methods: [ServiceMethod] {
        [
            ServiceMethod(Self.report) { [self] _, caller in
                let share = permille.load(ordering: .relaxed)
                let count = changes.load(ordering: .relaxed)
                return Array("\(share) \(count) \(caller.name ?? "")".utf8)
            }
        ]
    }

    /// Called on the node's executor after each change of its place, in order and without a gap.
    func placeDidChange(_ change: PlaceChange) {
        guard change.from.range != change.to.range else { return }
        permille.store(change.to.range?.permille ?? 0, ordering: .relaxed)
        changes.add(1, ordering: .relaxed)
    }
}

extension IdentifierRange {
    /// The part of a circle of 64 bits that the range covers, in thousandths.
    fileprivate var permille: Int {
        if isWholeCircle { return 1000 }
        let bounds = [lowerBound, upperBound].map { UInt64($0.hexadecimal(width: 64), radix: 16) }
        guard let lower = bounds[0], let upper = bounds[1] else { return 0 }
        return Int(Double(upper &- lower) / 0x1p64 * 1000)
    }
}
