// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

#if SQLite
internal import CSQLite
internal import ChordBase

/// One connection to a database file. Confined to one thread at a time: SQLite does not lock it.
final class SQLiteConnection {
    let path: String
    let pointer: OpaquePointer

    /// Opens a database file.
    ///
    /// - Parameters:
    ///   - creates: whether the file is made if there is none.
    ///   - system: SQLite's name of the layer between it and the file system; nil for the usual one.
    init(_ path: String, creates: Bool, system: String?) throws(SQLiteFailure) {
        var pointer: OpaquePointer?
        let flags =
            SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
            | (creates ? SQLITE_OPEN_CREATE : 0)
        let code = sqlite3_open_v2(path, &pointer, flags, system)
        guard code == SQLITE_OK, let pointer else {
            let failure = SQLiteFailure(code, on: pointer)
            sqlite3_close_v2(pointer)
            throw failure
        }
        self.path = path
        self.pointer = pointer
        // Another program, such as the sqlite3 command, may hold a lock for a moment.
        sqlite3_busy_timeout(pointer, 2_000)
        // What a damaged or forged file says must not run code.
        csqlite_set_option(pointer, SQLITE_DBCONFIG_DEFENSIVE, 1)
        csqlite_set_option(pointer, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
        csqlite_set_option(pointer, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
        csqlite_set_option(pointer, SQLITE_DBCONFIG_ENABLE_VIEW, 0)
    }

    deinit {
        // With statements left, the connection closes with the last of them.
        sqlite3_close_v2(pointer)
    }

    /// Runs statements that return nothing.
    func execute(_ statements: String) throws(SQLiteFailure) {
        let code = sqlite3_exec(pointer, statements, nil, nil, nil)
        guard code == SQLITE_OK else { throw SQLiteFailure(code, on: pointer) }
    }

    /// The first column of the first row of a query, as text; nil without a row.
    func text(_ query: String) throws(SQLiteFailure) -> String? {
        let statement = try SQLiteStatement.prepare(query, on: self)
        guard try statement.step() else { return nil }
        return statement.text(0)
    }

    /// The first column of the first row of a query, as a number; nil without a row.
    func number(_ query: String) throws(SQLiteFailure) -> Int64? {
        let statement = try SQLiteStatement.prepare(query, on: self)
        guard try statement.step() else { return nil }
        return statement.number(0)
    }

    /// Whether a transaction is open.
    var isInTransaction: Bool { sqlite3_get_autocommit(pointer) == 0 }

    /// Whether the file can only be read.
    var isReadOnly: Bool { sqlite3_db_readonly(pointer, "main") == 1 }

    /// Rows that the last statement deleted or changed.
    var changes: Int { Int(sqlite3_changes64(pointer)) }

    /// Keeps the connection from checkpointing when it closes, so that closing changes nothing on the disk.
    func setCheckpointsOnClose(_ checkpoints: Bool) {
        csqlite_set_option(pointer, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, checkpoints ? 0 : 1)
    }

    /// Copies pages from the write-ahead log to the database file, as many as no reader and writer needs.
    ///
    /// - Returns: pages in the log, and how many of them are copied; nil if another connection is at it.
    func checkpoint() throws(SQLiteFailure) -> (logged: Int, copied: Int)? {
        var logged: CInt = 0
        var copied: CInt = 0
        let code = sqlite3_wal_checkpoint_v2(
            pointer,
            "main",
            SQLITE_CHECKPOINT_PASSIVE,
            &logged,
            &copied
        )
        if code & 0xFF == SQLITE_BUSY { return nil }
        guard code == SQLITE_OK else { throw SQLiteFailure(code, on: pointer) }
        return (Int(logged), Int(copied))
    }
}
#endif
