// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The positions of a range, which is an arc (after, through] of the circle: one interval of positions, or
/// two if the arc passes zero.
package struct RowBounds: Hashable, Sendable {
    /// Positions after one and up to another, which belongs to it. Nil stands for no bound.
    package struct Interval: Hashable, Sendable {
        package var after: [UInt8]?
        package var through: [UInt8]?

        package init(after: [UInt8]?, through: [UInt8]?) {
            self.after = after
            self.through = through
        }

        package func contains(_ position: [UInt8]) -> Bool {
            if let after, position.byteOrder(to: after) <= 0 { return false }
            if let through, position.byteOrder(to: through) > 0 { return false }
            return true
        }

        /// The rows of a slot whose positions lie in the interval.
        func rows(of slot: Slot) -> RowInterval {
            RowInterval(
                slot: slot,
                first: after.map { RowPlace(position: $0.immediateSuccessor) } ?? .first,
                end: through.map { RowPlace(position: $0.immediateSuccessor) }
            )
        }
    }

    /// In order, without overlap.
    package let intervals: [Interval]

    /// All positions.
    package static let all = Self(intervals: [Interval(after: nil, through: nil)])

    private init(intervals: [Interval]) {
        self.intervals = intervals
    }

    /// The arc (after, through] of a circle whose positions all have the same number of bytes. All of the
    /// circle if both are the same.
    package init(after: [UInt8], through: [UInt8]) {
        switch after.byteOrder(to: through) {
        case 0: self = .all
        case ..<0: intervals = [Interval(after: after, through: through)]
        default:
            intervals = [
                Interval(after: nil, through: through), Interval(after: after, through: nil),
            ]
        }
    }

    package func contains(_ position: [UInt8]) -> Bool {
        intervals.contains { $0.contains(position) }
    }
}

/// A place in the order of a slot's rows. It need not be the place of a row.
package struct RowPlace: Hashable, Sendable {
    package var position: [UInt8]
    package var partition: [UInt8]
    package var key: [UInt8]

    package init(position: [UInt8], partition: [UInt8] = [], key: [UInt8] = []) {
        self.position = position
        self.partition = partition
        self.key = key
    }

    /// The place of a row.
    package init(_ key: RowKey) {
        self.init(position: key.position, partition: key.partition, key: key.key)
    }

    /// Before all rows.
    package static let first = Self(position: [])

    /// The key in a slot that has this place.
    func key(in slot: Slot) -> RowKey {
        RowKey(slot: slot, position: position, partition: partition, key: key)
    }
}

/// Rows of a slot that follow each other in its order.
package struct RowInterval: Hashable, Sendable {
    package var slot: Slot
    /// The first place that belongs to the interval.
    package var first: RowPlace
    /// The first place after it that does not; nil if the slot's last row belongs to it.
    package var end: RowPlace?

    package init(slot: Slot, first: RowPlace = .first, end: RowPlace? = nil) {
        self.slot = slot
        self.first = first
        self.end = end
    }

    /// The rows of one partition whose keys begin with `prefix`.
    ///
    /// - Parameter start: the key to begin at; nil for the first.
    package init(
        slot: Slot,
        position: [UInt8],
        partition: [UInt8],
        prefix: [UInt8] = [],
        from start: [UInt8]? = nil
    ) {
        self.slot = slot
        let first = start.map { $0.byteOrder(to: prefix) < 0 ? prefix : $0 } ?? prefix
        self.first = RowPlace(position: position, partition: partition, key: first)
        if let next = prefix.firstWithoutPrefix {
            end = RowPlace(position: position, partition: partition, key: next)
        } else {
            end = RowPlace(position: position, partition: partition.immediateSuccessor)
        }
    }
}

extension [UInt8] {
    /// The first byte string after this one.
    fileprivate var immediateSuccessor: [UInt8] { self + [0] }

    /// The first byte string after all that begin with this one; nil if there is none.
    fileprivate var firstWithoutPrefix: [UInt8]? {
        guard let last = lastIndex(where: { $0 != .max }) else { return nil }
        var next = Array(self[...last])
        next[last] += 1
        return next
    }
}
