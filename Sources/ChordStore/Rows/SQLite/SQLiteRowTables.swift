// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

#if SQLite
internal import ChordBase

/// The tables of a row engine, seen through one connection. Every read checks checksums.
///
/// Transactions are the caller's.
final class SQLiteRowTables {
    let connection: SQLiteConnection
    private let rowOfKey: SQLiteStatement
    private let putRow: SQLiteStatement
    private let deleteRow: SQLiteStatement
    private let expiredRows: SQLiteStatement
    private let rowsToEnd: SQLiteStatement
    private let rowsToPlace: SQLiteStatement
    private let countToEnd: SQLiteStatement
    private let countToPlace: SQLiteStatement
    private let clearToEnd: SQLiteStatement
    private let clearToPlace: SQLiteStatement
    private let recordOfName: SQLiteStatement
    private let putRecord: SQLiteStatement
    private let deleteRecord: SQLiteStatement
    private let recordNames: SQLiteStatement
    private let slotsOfRows: SQLiteStatement
    private let slotsOfRecords: SQLiteStatement

    init(_ connection: SQLiteConnection) throws(SQLiteFailure) {
        func prepare(_ text: String) throws(SQLiteFailure) -> SQLiteStatement {
            try SQLiteStatement.prepare(text, on: connection)
        }
        let toEnd = "slot = ?1 AND (position, partition, key) >= (?2, ?3, ?4)"
        let toPlace = "\(toEnd) AND (position, partition, key) < (?5, ?6, ?7)"
        let ordered = "ORDER BY position, partition, key"
        let row = "version, expiry, checksum, value"
        let key = "position, partition, key"
        self.connection = connection
        rowOfKey = try prepare(
            "SELECT \(row) FROM rows WHERE slot = ?1 AND position = ?2 AND partition = ?3 AND key = ?4"
        )
        putRow = try prepare(
            """
            INSERT INTO rows VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO UPDATE SET
            version = excluded.version, expiry = excluded.expiry, checksum = excluded.checksum,
            value = excluded.value
            """
        )
        deleteRow = try prepare(
            "DELETE FROM rows WHERE slot = ?1 AND position = ?2 AND partition = ?3 AND key = ?4"
        )
        expiredRows = try prepare(
            """
            SELECT \(key) FROM rows WHERE slot = ?1 AND expiry IS NOT NULL AND expiry <= ?2
            ORDER BY expiry, \(key)
            """
        )
        rowsToEnd = try prepare("SELECT \(key), \(row) FROM rows WHERE \(toEnd) \(ordered)")
        rowsToPlace = try prepare("SELECT \(key), \(row) FROM rows WHERE \(toPlace) \(ordered)")
        countToEnd = try prepare(
            "SELECT count(*) FROM (SELECT 1 FROM rows WHERE \(toEnd) LIMIT ?8)"
        )
        countToPlace = try prepare(
            "SELECT count(*) FROM (SELECT 1 FROM rows WHERE \(toPlace) LIMIT ?8)"
        )
        clearToEnd = try prepare("DELETE FROM rows WHERE \(toEnd)")
        clearToPlace = try prepare("DELETE FROM rows WHERE \(toPlace)")
        let record = "scope = ?1 AND slot = ?2 AND name = ?3"
        recordOfName = try prepare("SELECT checksum, value FROM records WHERE \(record)")
        putRecord = try prepare("REPLACE INTO records VALUES (?1, ?2, ?3, ?4, ?5)")
        deleteRecord = try prepare("DELETE FROM records WHERE \(record)")
        recordNames = try prepare(
            "SELECT name FROM records WHERE scope = ?1 AND slot = ?2 ORDER BY name"
        )
        slotsOfRows = try prepare("SELECT slot FROM rows WHERE slot > ?1 ORDER BY slot LIMIT 1")
        slotsOfRecords = try prepare("SELECT DISTINCT slot FROM records WHERE scope = 1")
    }

    /// Runs statements, and gives a failure of SQLite its place.
    private func perform<Output>(
        _ action: String,
        _ statements: () throws(SQLiteFailure) -> Output
    ) throws(StoreError) -> Output {
        do throws(SQLiteFailure) {
            return try statements()
        } catch {
            throw error.storeError(action, connection.path)
        }
    }

    private func damaged(_ what: String) -> StoreError {
        StoreError(
            .corrupted,
            "\(what) in \(connection.path) fails its checksum: the disk has damaged it. The rows were left "
                + "as they are; remove this replica, so that it is made anew from others"
        )
    }

    private static func digits(_ position: [UInt8]) -> String {
        position.reduce(into: "") { text, byte in
            text += (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
    }

    // MARK: Rows

    private static func bind(
        _ key: RowKey,
        to statement: borrowing SQLiteStatement
    ) throws(SQLiteFailure) {
        statement.bind(Int64(bitPattern: key.slot.number), at: 1)
        try statement.bind(key.position, at: 2)
        try statement.bind(key.partition, at: 3)
        try statement.bind(key.key, at: 4)
    }

    func get(_ key: RowKey) throws(StoreError) -> Row? {
        let found = try perform("read a row") { () throws(SQLiteFailure) -> (Row, UInt32)? in
            try Self.bind(key, to: rowOfKey)
            defer { rowOfKey.reset() }
            return try rowOfKey.step() ? try Self.row(rowOfKey, from: 0) : nil
        }
        guard let (row, checksum) = found else { return nil }
        guard RowChecksum.of(row, at: key) == checksum else {
            throw damaged("a row of slot \(key.slot) at position \(Self.digits(key.position))")
        }
        return row
    }

    /// The row in the columns from `first` on, with its stored checksum.
    private static func row(
        _ statement: borrowing SQLiteStatement,
        from first: CInt
    ) throws(SQLiteFailure) -> (Row, UInt32) {
        let row = Row(
            value: try statement.bytes(first + 3),
            version: LogIndex(UInt64(bitPattern: statement.number(first))),
            expiry: statement.isNull(first + 1)
                ? nil : RangeTime(stored: statement.number(first + 1))
        )
        return (row, UInt32(truncatingIfNeeded: statement.number(first + 2)))
    }

    func put(_ row: Row, at key: RowKey) throws(StoreError) {
        try perform("write a row") { () throws(SQLiteFailure) in
            try Self.bind(key, to: putRow)
            putRow.bind(Int64(bitPattern: row.version.number), at: 5)
            if let expiry = row.expiry {
                putRow.bind(expiry.stored, at: 6)
            } else {
                putRow.bindNull(at: 6)
            }
            putRow.bind(Int64(RowChecksum.of(row, at: key)), at: 7)
            try putRow.run(borrowing: row.value, at: 8)
        }
    }

    /// - Returns: whether there was a row.
    func delete(_ key: RowKey) throws(StoreError) -> Bool {
        try perform("delete a row") { () throws(SQLiteFailure) in
            try Self.bind(key, to: deleteRow)
            try deleteRow.run()
            return connection.changes > 0
        }
    }

    func expired(
        in slot: Slot,
        within bounds: RowBounds,
        at time: RangeTime,
        atMost limit: Int
    ) throws(StoreError) -> [RowKey] {
        guard limit > 0 else { return [] }
        return try perform("find expired rows") { () throws(SQLiteFailure) in
            expiredRows.bind(Int64(bitPattern: slot.number), at: 1)
            expiredRows.bind(time.stored, at: 2)
            defer { expiredRows.reset() }
            var keys: [RowKey] = []
            while keys.count < limit, try expiredRows.step() {
                let key = try Self.key(expiredRows, in: slot)
                if bounds.contains(key.position) { keys.append(key) }
            }
            return keys
        }
    }

    /// The key in the first three columns.
    private static func key(
        _ statement: borrowing SQLiteStatement,
        in slot: Slot
    ) throws(SQLiteFailure) -> RowKey {
        RowKey(
            slot: slot,
            position: try statement.bytes(0),
            partition: try statement.bytes(1),
            key: try statement.bytes(2)
        )
    }

    // MARK: Intervals

    private static func bind(
        _ interval: RowInterval,
        to statement: borrowing SQLiteStatement
    ) throws(SQLiteFailure) {
        try bind(interval.first.key(in: interval.slot), to: statement)
        guard let end = interval.end else { return }
        try statement.bind(end.position, at: 5)
        try statement.bind(end.partition, at: 6)
        try statement.bind(end.key, at: 7)
    }

    func scan(_ interval: RowInterval, limit: RowLimit) throws(StoreError) -> RowPage {
        try interval.end == nil
            ? scan(interval, limit, rowsToEnd) : scan(interval, limit, rowsToPlace)
    }

    private func scan(
        _ interval: RowInterval,
        _ limit: RowLimit,
        _ statement: borrowing SQLiteStatement
    ) throws(StoreError) -> RowPage {
        var builder = RowPageBuilder(limit: limit)
        var damagedKey: RowKey?
        defer { statement.reset() }
        do throws(SQLiteFailure) {
            try Self.bind(interval, to: statement)
            while try statement.step() {
                let key = try Self.key(statement, in: interval.slot)
                // A row that does not fit need not be read.
                let size = key.partition.count + key.key.count + statement.byteCount(6)
                guard builder.fits(size) else {
                    builder.stop(at: key)
                    break
                }
                let (row, checksum) = try Self.row(statement, from: 3)
                guard RowChecksum.of(row, at: key) == checksum else {
                    damagedKey = key
                    break
                }
                builder.append(RowPage.Element(key: key, row: row))
            }
        } catch {
            throw error.storeError("read rows", connection.path)
        }
        if let damagedKey {
            let position = Self.digits(damagedKey.position)
            throw damaged("a row of slot \(interval.slot) at position \(position)")
        }
        return builder.page
    }

    func count(_ interval: RowInterval, atMost limit: Int) throws(StoreError) -> Int {
        try interval.end == nil
            ? count(interval, limit, countToEnd) : count(interval, limit, countToPlace)
    }

    private func count(
        _ interval: RowInterval,
        _ limit: Int,
        _ statement: borrowing SQLiteStatement
    ) throws(StoreError) -> Int {
        defer { statement.reset() }
        do throws(SQLiteFailure) {
            try Self.bind(interval, to: statement)
            // SQLite takes a negative limit for none.
            statement.bind(Int64(max(limit, 0)), at: 8)
            return try statement.step() ? Int(statement.number(0)) : 0
        } catch {
            throw error.storeError("count rows", connection.path)
        }
    }

    /// Deletes all rows of an interval.
    ///
    /// - Returns: how many they were.
    func clear(_ interval: RowInterval) throws(StoreError) -> Int {
        try interval.end == nil
            ? clear(interval, clearToEnd) : clear(interval, clearToPlace)
    }

    private func clear(
        _ interval: RowInterval,
        _ statement: borrowing SQLiteStatement
    ) throws(StoreError) -> Int {
        do throws(SQLiteFailure) {
            try Self.bind(interval, to: statement)
            try statement.run()
            return connection.changes
        } catch {
            throw error.storeError("delete rows", connection.path)
        }
    }

    /// Bytes of values that are deleted at once. Deleting a long value reads all its pages.
    private static let clearedBytes: Int64 = 1 << 20

    /// The interval of the first rows of an interval: so many or fewer, and few if they have long values.
    func beginning(of interval: RowInterval, rows: Int) throws(StoreError) -> RowInterval {
        let statement =
            "SELECT position, partition, key, length(value) FROM rows WHERE slot = ?1"
            + " AND (position, partition, key) >= (?2, ?3, ?4)"
            + (interval.end == nil ? "" : " AND (position, partition, key) < (?5, ?6, ?7)")
            + " ORDER BY position, partition, key"
        return try perform("find rows") { () throws(SQLiteFailure) in
            let query = try SQLiteStatement.prepare(statement, on: connection)
            try Self.bind(interval, to: query)
            var found = 0
            var bytes: Int64 = 0
            while try query.step() {
                if found >= max(rows, 0) || found > 0 && bytes > Self.clearedBytes {
                    var beginning = interval
                    beginning.end = RowPlace(try Self.key(query, in: interval.slot))
                    return beginning
                }
                found += 1
                bytes += query.number(3)
            }
            return interval
        }
    }

    // MARK: Records

    private static func bind(
        _ name: RowMetadataName,
        to statement: borrowing SQLiteStatement
    ) throws(SQLiteFailure) {
        let (kind, slot) = name.scope.numbers
        statement.bind(kind, at: 1)
        statement.bind(Int64(bitPattern: slot), at: 2)
        try statement.bind(Array(name.name.utf8), at: 3)
    }

    func record(_ name: RowMetadataName) throws(StoreError) -> [UInt8]? {
        let found = try perform("read a record") {
            () throws(SQLiteFailure) -> (value: [UInt8], checksum: UInt32)? in
            try Self.bind(name, to: recordOfName)
            defer { recordOfName.reset() }
            guard try recordOfName.step() else { return nil }
            return (
                try recordOfName.bytes(1), UInt32(truncatingIfNeeded: recordOfName.number(0))
            )
        }
        guard let found else { return nil }
        guard RowChecksum.of(found.value, name) == found.checksum else {
            throw damaged("the record \(name.name)")
        }
        return found.value
    }

    func setRecord(_ value: [UInt8]?, for name: RowMetadataName) throws(StoreError) {
        try perform("write a record") { () throws(SQLiteFailure) in
            guard let value else {
                try Self.bind(name, to: deleteRecord)
                return try deleteRecord.run()
            }
            try Self.bind(name, to: putRecord)
            putRecord.bind(Int64(RowChecksum.of(value, name)), at: 4)
            try putRecord.run(borrowing: value, at: 5)
        }
    }

    func names(in scope: RowMetadataName.Scope) throws(StoreError) -> [RowMetadataName] {
        try perform("list records") { () throws(SQLiteFailure) in
            let (kind, slot) = scope.numbers
            recordNames.bind(kind, at: 1)
            recordNames.bind(Int64(bitPattern: slot), at: 2)
            defer { recordNames.reset() }
            var names: [RowMetadataName] = []
            while try recordNames.step() {
                let bytes = try recordNames.bytes(0)
                names.append(RowMetadataName(scope, String(decoding: bytes, as: UTF8.self)))
            }
            return names
        }
    }

    func slots() throws(StoreError) -> [Slot] {
        try perform("list slots") { () throws(SQLiteFailure) in
            var slots: Set<Slot> = []
            var last: Int64 = -1
            defer { slotsOfRows.reset() }
            while true {
                slotsOfRows.bind(last, at: 1)
                guard try slotsOfRows.step() else { break }
                last = slotsOfRows.number(0)
                slots.insert(Slot(UInt64(bitPattern: last)))
                slotsOfRows.reset()
            }
            defer { slotsOfRecords.reset() }
            while try slotsOfRecords.step() {
                slots.insert(Slot(UInt64(bitPattern: slotsOfRecords.number(0))))
            }
            return slots.sorted()
        }
    }
}
#endif
