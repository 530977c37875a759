// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import ChordBase

/// A work's view of a memory engine. Changes are made in place, and undone in reverse order if the work
/// throws.
final class MemoryRowTransaction: RowEngineTransaction {
    private enum Undo {
        case row(RowKey, Row?)
        case record(RowMetadataName, [UInt8]?)
    }

    private(set) var tables: MemoryRowTables
    private(set) var statistics = RowEngineStatistics()
    /// What the present work has changed.
    private(set) var changes = 0
    private(set) var changedBytes = 0
    var mayUseReserve = false
    private let disk: MemoryRowDisk
    private var undo: [Undo] = []

    init(on disk: MemoryRowDisk) {
        tables = disk.committed
        self.disk = disk
    }

    /// Forgets how to undo the changes so far: a new work begins.
    func begin() {
        undo.removeAll(keepingCapacity: true)
        changes = 0
        changedBytes = 0
        mayUseReserve = false
    }

    /// Undoes the changes of the present work.
    func rollBack() {
        for change in undo.reversed() {
            switch change {
            case .row(let key, let row): tables.set(row, at: key)
            case .record(let name, let value): tables.set(value, for: name)
            }
        }
        begin()
    }

    func get(_ key: RowKey) throws(StoreError) -> Row? {
        statistics.rowsRead += 1
        try disk.check(key)
        return tables.rows[key]
    }

    func put(_ row: Row, at key: RowKey) throws(StoreError) {
        try key.checkLimits()
        try row.checkLimits()
        if disk.isFull {
            let size = RowChange.size(of: key, row)
            guard mayUseReserve, size <= disk.reserveLeft else { throw .noRoomForRows }
            disk.reserveLeft -= size
        }
        change(row, at: key)
        statistics.rowsWritten += 1
    }

    func delete(_ key: RowKey) throws(StoreError) {
        guard tables.rows[key] != nil else { return }
        change(nil, at: key)
        statistics.rowsDeleted += 1
    }

    private func change(_ row: Row?, at key: RowKey) {
        undo.append(.row(key, tables.set(row, at: key)))
        disk.heal(key)
        changes += 1
        changedBytes += RowChange.size(of: key, row)
    }

    func expired(
        in slot: Slot,
        within bounds: RowBounds,
        at time: RangeTime,
        atMost limit: Int
    ) throws(StoreError) -> [RowKey] {
        var keys: [RowKey] = []
        guard limit > 0 else { return [] }
        let first = MemoryRowTables.Expiry(
            slot: slot,
            time: .zero,
            key: RowPlace.first.key(in: slot)
        )
        tables.expiries.forEach(from: first) { expiry, _ in
            guard expiry.slot == slot, expiry.time <= time else { return false }
            if bounds.contains(expiry.key.position) { keys.append(expiry.key) }
            return keys.count < limit
        }
        return keys
    }

    func scan(_ interval: RowInterval, limit: RowLimit) throws(StoreError) -> RowPage {
        var builder = RowPageBuilder(limit: limit)
        tables.forEach(in: interval) { key, row in
            let element = RowPage.Element(key: key, row: row)
            guard builder.fits(element.size) else {
                builder.stop(at: key)
                return false
            }
            builder.append(element)
            return true
        }
        statistics.rowsRead += UInt64(builder.page.rows.count)
        for element in builder.page.rows { try disk.check(element.key) }
        return builder.page
    }

    func count(_ interval: RowInterval, atMost limit: Int) throws(StoreError) -> Int {
        var count = 0
        guard limit > 0 else { return 0 }
        tables.forEach(in: interval) { _, _ in
            count += 1
            return count < limit
        }
        return count
    }

    func clear(
        _ slot: Slot,
        within bounds: RowBounds,
        atMost limit: Int
    ) throws(StoreError) -> Int {
        var keys: [RowKey] = []
        for interval in bounds.intervals where keys.count < limit {
            tables.forEach(in: interval.rows(of: slot)) { key, _ in
                keys.append(key)
                return keys.count < limit
            }
        }
        for key in keys { try delete(key) }
        return keys.count
    }

    func metadata(_ name: RowMetadataName) throws(StoreError) -> [UInt8]? {
        tables.records[name]
    }

    func setMetadata(_ value: [UInt8]?, for name: RowMetadataName) throws(StoreError) {
        try name.checkLimits(value: value)
        undo.append(.record(name, tables.set(value, for: name)))
        changes += 1
        changedBytes += RowChange.size(of: name, value)
    }

    func metadataNames(in scope: RowMetadataName.Scope) throws(StoreError) -> [RowMetadataName] {
        tables.records(in: scope).map(\.name)
    }

    func slots() throws(StoreError) -> [Slot] {
        tables.slots()
    }
}
