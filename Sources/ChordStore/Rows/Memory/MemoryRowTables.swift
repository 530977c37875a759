// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import ChordBase

/// The contents of a memory engine. A copy is made in O(1).
struct MemoryRowTables {
    /// The order in which rows expire.
    struct Expiry: Comparable {
        var slot: Slot
        var time: RangeTime
        var key: RowKey

        static func < (left: Self, right: Self) -> Bool {
            if left.slot != right.slot { return left.slot < right.slot }
            if left.time != right.time { return left.time < right.time }
            return left.key.isBeforeInSlot(right.key)
        }
    }

    var rows = SortedMap<RowKey, Row>()
    var expiries = SortedMap<Expiry, Void>()
    var records = SortedMap<RowMetadataName, [UInt8]>()

    /// Writes or deletes a row.
    ///
    /// - Returns: the former row.
    @discardableResult
    mutating func set(_ row: Row?, at key: RowKey) -> Row? {
        let former = row.map { rows.insert($0, for: key) } ?? rows.remove(key)
        if former?.expiry != row?.expiry {
            if let time = former?.expiry {
                expiries.remove(Expiry(slot: key.slot, time: time, key: key))
            }
            if let time = row?.expiry {
                expiries.insert((), for: Expiry(slot: key.slot, time: time, key: key))
            }
        }
        return former
    }

    /// Writes or deletes a record.
    ///
    /// - Returns: the former one.
    @discardableResult
    mutating func set(_ record: [UInt8]?, for name: RowMetadataName) -> [UInt8]? {
        record.map { records.insert($0, for: name) } ?? records.remove(name)
    }

    /// Visits the rows of an interval in order until `visit` returns false.
    func forEach(in interval: RowInterval, _ visit: (RowKey, Row) -> Bool) {
        let end = interval.end?.key(in: interval.slot)
        rows.forEach(from: interval.first.key(in: interval.slot)) { key, row in
            guard key.slot == interval.slot else { return false }
            if let end, !key.isBeforeInSlot(end) { return false }
            return visit(key, row)
        }
    }

    /// The records of a scope in order.
    func records(in scope: RowMetadataName.Scope) -> [(name: RowMetadataName, value: [UInt8])] {
        var found: [(name: RowMetadataName, value: [UInt8])] = []
        records.forEach(from: RowMetadataName(scope, "")) { name, value in
            guard name.scope == scope else { return false }
            found.append((name, value))
            return true
        }
        return found
    }

    func slots() -> [Slot] {
        var found: Set<Slot> = []
        var start: UInt64? = 0
        while let number = start {
            start = nil
            rows.forEach(from: RowPlace.first.key(in: Slot(number))) { key, _ in
                found.insert(key.slot)
                let (next, overflow) = key.slot.number.addingReportingOverflow(1)
                start = overflow ? nil : next
                return false
            }
        }
        records.forEach(from: RowMetadataName(.slot(Slot(0)), "")) { name, _ in
            if case .slot(let slot) = name.scope { found.insert(slot) }
            return true
        }
        return found.sorted()
    }
}
