// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

#if SQLite
internal import ChordBase

/// A work's view of the tables, inside the transaction that stays open over many works.
///
/// The changes of a work follow a savepoint, so that they alone can be undone. All changes since the last
/// commit are kept: if a commit finds the disk full, they are made again.
final class SQLiteRowTransaction: RowEngineTransaction {
    let tables: SQLiteRowTables
    /// Whether `put` is refused, apart from the reserve.
    var isFull = false {
        didSet { if isFull, !oldValue { reserveLeft = reserveBytes } }
    }
    var mayUseReserve = false
    /// What rows may use of the reserve each time that the disk becomes full. The rest is for deletes and records.
    private let reserveBytes: Int
    private var reserveLeft = 0
    private(set) var statistics = RowEngineStatistics()
    /// All changes since the last commit.
    private(set) var changes: [RowChange] = []
    private(set) var changedBytes = 0
    /// For each work that has changed something, the number of changes up to its end.
    private var workEnds: [Int] = []

    private let savepoint: SQLiteStatement
    private let release: SQLiteStatement
    private let rollBackToSavepoint: SQLiteStatement
    private var hasSavepoint = false
    private var former: (changes: Int, bytes: Int) = (0, 0)

    init(_ tables: SQLiteRowTables, reserveBytes: Int) throws(SQLiteFailure) {
        self.tables = tables
        self.reserveBytes = reserveBytes
        let connection = tables.connection
        savepoint = try SQLiteStatement.prepare("SAVEPOINT work", on: connection)
        release = try SQLiteStatement.prepare("RELEASE work", on: connection)
        rollBackToSavepoint = try SQLiteStatement.prepare("ROLLBACK TO work", on: connection)
    }

    // MARK: A work

    func begin() {
        mayUseReserve = false
        former = (changes.count, changedBytes)
    }

    /// Makes the changes of the present work part of the transaction.
    func keep() throws(StoreError) {
        if changes.count > former.changes { workEnds.append(changes.count) }
        guard hasSavepoint else { return }
        do throws(SQLiteFailure) {
            try release.run()
            hasSavepoint = false
        } catch {
            throw error.storeError("keep the changes of a work", tables.connection.path)
        }
    }

    /// Forgets the changes of the present work.
    private func forgetWork() {
        changes.removeLast(changes.count - former.changes)
        if let end = workEnds.last, end > changes.count { workEnds.removeLast() }
        changedBytes = former.bytes
    }

    /// SQLite has undone everything since the last commit. The changes of the works before the present one are to be
    /// made again.
    func wasUndone() {
        forgetWork()
        hasSavepoint = false
    }

    /// Undoes the changes of the present work.
    func undo() throws(StoreError) {
        forgetWork()
        guard hasSavepoint else { return }
        hasSavepoint = false
        do throws(SQLiteFailure) {
            try rollBackToSavepoint.run()
            try release.run()
        } catch {
            throw error.storeError("undo the changes of a work", tables.connection.path)
        }
    }

    /// The changes are durable.
    func forgetChanges() {
        changes.removeAll(keepingCapacity: true)
        workEnds.removeAll(keepingCapacity: true)
        changedBytes = 0
    }

    /// The changes since the last commit in pieces of whole works, of about so many changes each.
    func pieces(of size: Int) -> [Range<Int>] {
        var pieces: [Range<Int>] = []
        var start = 0
        for end in workEnds where end - start >= size || end == changes.count {
            pieces.append(start..<end)
            start = end
        }
        return pieces
    }

    /// Makes changes again that were undone.
    func repeatChanges(_ piece: Range<Int>) throws(StoreError) {
        for change in changes[piece] {
            switch change {
            case .put(let row, let key): try tables.put(row, at: key)
            case .delete(let key): _ = try tables.delete(key)
            case .clear(let interval): _ = try tables.clear(interval)
            case .record(let value, let name): try tables.setRecord(value, for: name)
            }
        }
    }

    private func willChange() throws(StoreError) {
        guard !hasSavepoint else { return }
        do throws(SQLiteFailure) {
            try savepoint.run()
        } catch {
            throw error.storeError("begin a work", tables.connection.path)
        }
        hasSavepoint = true
    }

    private func didChange(_ change: RowChange, bytes: Int) {
        changes.append(change)
        changedBytes += bytes
    }

    // MARK: Rows

    func get(_ key: RowKey) throws(StoreError) -> Row? {
        statistics.rowsRead += 1
        return try tables.get(key)
    }

    func put(_ row: Row, at key: RowKey) throws(StoreError) {
        try key.checkLimits()
        try row.checkLimits()
        let size = RowChange.size(of: key, row)
        if isFull {
            guard mayUseReserve, size <= reserveLeft else { throw .noRoomForRows }
            reserveLeft -= size
        }
        try willChange()
        try tables.put(row, at: key)
        didChange(.put(row, at: key), bytes: size)
        statistics.rowsWritten += 1
    }

    func delete(_ key: RowKey) throws(StoreError) {
        try willChange()
        guard try tables.delete(key) else { return }
        didChange(.delete(key), bytes: RowChange.size(of: key, nil))
        statistics.rowsDeleted += 1
    }

    func expired(
        in slot: Slot,
        within bounds: RowBounds,
        at time: RangeTime,
        atMost limit: Int
    ) throws(StoreError) -> [RowKey] {
        try tables.expired(in: slot, within: bounds, at: time, atMost: limit)
    }

    func scan(_ interval: RowInterval, limit: RowLimit) throws(StoreError) -> RowPage {
        let page = try tables.scan(interval, limit: limit)
        statistics.rowsRead += UInt64(page.rows.count)
        return page
    }

    func count(_ interval: RowInterval, atMost limit: Int) throws(StoreError) -> Int {
        try tables.count(interval, atMost: limit)
    }

    func clear(
        _ slot: Slot,
        within bounds: RowBounds,
        atMost limit: Int
    ) throws(StoreError) -> Int {
        var cleared = 0
        for interval in bounds.intervals where cleared < limit {
            let rows = interval.rows(of: slot)
            let beginning = try tables.beginning(of: rows, rows: limit - cleared)
            try willChange()
            let count = try tables.clear(beginning)
            guard count > 0 else { continue }
            didChange(
                .clear(beginning),
                bytes: RowChange.size(of: beginning.first.key(in: slot), nil) * count
            )
            cleared += count
        }
        statistics.rowsDeleted += UInt64(cleared)
        return cleared
    }

    // MARK: Records

    func metadata(_ name: RowMetadataName) throws(StoreError) -> [UInt8]? {
        try tables.record(name)
    }

    func setMetadata(_ value: [UInt8]?, for name: RowMetadataName) throws(StoreError) {
        try name.checkLimits(value: value)
        try willChange()
        try tables.setRecord(value, for: name)
        didChange(.record(value, for: name), bytes: RowChange.size(of: name, value))
    }

    func metadataNames(in scope: RowMetadataName.Scope) throws(StoreError) -> [RowMetadataName] {
        try tables.names(in: scope)
    }

    func slots() throws(StoreError) -> [Slot] {
        try tables.slots()
    }
}
#endif
