// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

#if SQLite
internal import CSQLite
import ChordBase

/// The database file of a row engine: how it is made, and what it must say to be used.
enum SQLiteRowSchema {
    /// "chrd": marks the files of this program, as `file` and SQLite's documentation know it.
    static let applicationID: Int64 = 0x6368_7264
    static let version: Int64 = 1
    /// Rows of up to 2,000 bytes lie in one page. Measured with rows of 100 bytes, pages of 4 KiB take the
    /// same time; with rows of 1,000 bytes twice the time and three times the room.
    static let pageBytes = 8192

    // Rows are clustered by their key. Measured against a table with rows in the order of writing and an
    // index: half the time of an update, and half the room.
    private static let tables = """
        CREATE TABLE header (
            name TEXT PRIMARY KEY, value BLOB NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE rows (
            slot INTEGER NOT NULL, position BLOB NOT NULL, partition BLOB NOT NULL, key BLOB NOT NULL,
            version INTEGER NOT NULL, expiry INTEGER, checksum INTEGER NOT NULL, value BLOB NOT NULL,
            PRIMARY KEY (slot, position, partition, key)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX rows_expiry ON rows (slot, expiry) WHERE expiry IS NOT NULL;
        CREATE TABLE records (
            scope INTEGER NOT NULL, slot INTEGER NOT NULL, name BLOB NOT NULL,
            checksum INTEGER NOT NULL, value BLOB NOT NULL,
            PRIMARY KEY (scope, slot, name)
        ) STRICT, WITHOUT ROWID;
        """

    /// Makes a database file. A crash meanwhile leaves a file that is of no use.
    static func create(
        _ path: String,
        store: StoreID,
        disk: DiskID,
        system: String?
    ) throws(SQLiteFailure) {
        let connection = try SQLiteConnection(path, creates: true, system: system)
        var reserved = SQLitePageChecksums.reservedBytes
        sqlite3_file_control(
            connection.pointer,
            "main",
            SQLITE_FCNTL_RESERVE_BYTES,
            &reserved
        )
        try connection.execute(
            """
            PRAGMA page_size = \(pageBytes);
            PRAGMA auto_vacuum = INCREMENTAL;
            PRAGMA synchronous = EXTRA;
            PRAGMA fullfsync = 1;
            BEGIN;
            PRAGMA application_id = \(applicationID);
            PRAGMA user_version = \(version);
            \(tables)
            """
        )
        let insert = try SQLiteStatement.prepare(
            "INSERT INTO header VALUES (CAST(?1 AS TEXT), ?2)",
            on: connection
        )
        for (name, bits) in [("store", store.bits), ("disk", disk.bits)] {
            try insert.bind(Array(name.utf8), at: 1)
            try insert.bind(bytes(bits), at: 2)
            try insert.run()
        }
        try connection.execute("COMMIT; PRAGMA journal_mode = WAL; PRAGMA wal_checkpoint(TRUNCATE)")
    }

    /// Checks that a file belongs to this program, store and disk, and changes nothing.
    static func check(
        _ connection: SQLiteConnection,
        store: StoreID,
        disk: DiskID
    ) throws(StoreError) {
        let path = connection.path
        let found: (application: Int64, version: Int64)
        do throws(SQLiteFailure) {
            found = (
                try connection.number("PRAGMA application_id") ?? 0,
                try connection.number("PRAGMA user_version") ?? 0
            )
        } catch {
            throw error.storeError("read the header", path)
        }
        guard found.application == applicationID else {
            throw StoreError(
                .corrupted,
                "\(path) is not a file of rows: another program wrote it, or it was damaged; nothing was "
                    + "changed. Give the node another data directory"
            )
        }
        guard found.version == version else {
            throw StoreError(
                .unknownVersion,
                "\(path) has format \(found.version), this release knows \(version); nothing was changed. "
                    + "Use the release that wrote it, or a newer one"
            )
        }
        let stored = (
            store: StoreID(try bits("store", connection)),
            disk: DiskID(try bits("disk", connection))
        )
        guard stored.store == store else {
            throw StoreError(
                .wrongStore,
                "\(path) belongs to store \(stored.store), not to \(store); nothing was changed. Give "
                    + "each store a data directory of its own"
            )
        }
        guard stored.disk == disk else {
            throw StoreError(
                .wrongDisk,
                "\(path) belongs to disk \(stored.disk), not to \(disk): it was copied from another data "
                    + "directory; nothing was changed. Give the node an empty data directory"
            )
        }
    }

    private static func bits(
        _ name: String,
        _ connection: SQLiteConnection
    ) throws(StoreError) -> RandomBits {
        let bytes: [UInt8]
        do throws(SQLiteFailure) {
            let query = try SQLiteStatement.prepare(
                "SELECT value FROM header WHERE name = '\(name)'",
                on: connection
            )
            bytes = try query.step() ? try query.bytes(0) : []
        } catch {
            throw error.storeError("read the header", connection.path)
        }
        guard bytes.count == 16 else {
            throw StoreError(
                .corrupted,
                "\(connection.path) does not name its \(name): it was damaged; nothing was changed. Give "
                    + "the node an empty data directory"
            )
        }
        func word(_ part: ArraySlice<UInt8>) -> UInt64 { part.reduce(0) { $0 << 8 | UInt64($1) } }
        return RandomBits(high: word(bytes[..<8]), low: word(bytes[8...]))
    }

    private static func bytes(_ bits: RandomBits) -> [UInt8] {
        [bits.high, bits.low].flatMap { word in withUnsafeBytes(of: word.bigEndian) { Array($0) } }
    }

    /// Sets what must hold for a connection, and reads back what data would be lost without.
    ///
    /// - Parameter cacheBytes: memory for pages.
    static func configure(
        _ connection: SQLiteConnection,
        cacheBytes: Int
    ) throws(StoreError) {
        let mode: String?
        let synchronous: Int64?
        do throws(SQLiteFailure) {
            mode = try connection.text("PRAGMA journal_mode = WAL")
            try connection.execute(
                """
                PRAGMA synchronous = FULL;
                PRAGMA fullfsync = 1;
                PRAGMA checkpoint_fullfsync = 1;
                PRAGMA wal_autocheckpoint = 0;
                PRAGMA journal_size_limit = \(16 << 20);
                PRAGMA cache_size = -\(max(cacheBytes >> 10, 64));
                PRAGMA cache_spill = 0;
                PRAGMA mmap_size = 0;
                PRAGMA temp_store = MEMORY;
                PRAGMA secure_delete = 0;
                PRAGMA cell_size_check = 1;
                """
            )
            synchronous = try connection.number("PRAGMA synchronous")
        } catch {
            throw error.storeError("set up the connection", connection.path)
        }
        guard mode == "wal", synchronous == 2 else {
            throw StoreError(
                .ioFailed,
                "\(connection.path): SQLite does not do what makes commits durable: journal_mode is "
                    + "\(mode ?? "unknown") instead of wal, synchronous \(synchronous ?? -1) instead of 2. "
                    + "Use a local file system"
            )
        }
    }
}
#endif
