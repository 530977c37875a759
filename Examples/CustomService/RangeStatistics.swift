// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import Synchronization

/// An example of a custom service. It tells clients the node's share of the circle, and how often
/// the share has changed.
final class RangeStatistics: NodeService {
    /// The method: its name, the roles that may call it, and the longest request. The node enforces
    /// both.
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

    /// Called on the node's executor after each change of its place, in order and without gaps.
    func placeDidChange(_ change: PlaceChange) {
        guard change.from.range != change.to.range else { return }
        permille.store(change.to.range?.permille ?? 0, ordering: .relaxed)
        changes.add(1, ordering: .relaxed)
    }
}

extension IdentifierRange {
    /// The fraction of a circle of 64 bits that the range covers, in thousandths.
    fileprivate var permille: Int {
        if isWholeCircle { return 1000 }
        let bounds = [lowerBound, upperBound].map { UInt64($0.hexadecimal(width: 64), radix: 16) }
        guard let lower = bounds[0], let upper = bounds[1] else { return 0 }
        return Int(Double(upper &- lower) / 0x1p64 * 1000)
    }
}
