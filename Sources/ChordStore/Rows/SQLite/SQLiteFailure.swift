// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

#if SQLite
internal import CSQLite
internal import ChordBase

/// A result code of SQLite that is not success.
struct SQLiteFailure: Error, Hashable {
    /// The extended result code.
    let code: CInt
    /// SQLite's own words. They name tables and columns, and never a value.
    let message: String

    /// The failure of the call that was made last on a connection.
    init(_ code: CInt, on connection: OpaquePointer?) {
        let extended = connection.map { sqlite3_extended_errcode($0) } ?? code
        // A later call may have set another code.
        self.code = extended & 0xFF == code & 0xFF ? extended : code
        let text = String(cString: sqlite3_errstr(self.code))
        let detail = connection.map { String(cString: sqlite3_errmsg($0)) } ?? text
        let number = connection.map { sqlite3_system_errno($0) } ?? 0
        message =
            (detail == text ? text : "\(text), \(detail)")
            + (number == 0 ? "" : ", system error \(number)")
    }

    /// The kind of the failure.
    var primary: CInt { code & 0xFF }
    var isFullDisk: Bool { primary == SQLITE_FULL }

    /// The failure as an error of the store.
    ///
    /// - Parameters:
    ///   - action: what was tried, as in "cannot read a row".
    ///   - path: the database file.
    func storeError(_ action: String, _ path: String) -> StoreError {
        let code: StoreErrorCode =
            switch primary {
            case SQLITE_FULL: .diskFull
            case SQLITE_READONLY: .readOnly
            case SQLITE_CORRUPT, SQLITE_NOTADB: .corrupted
            case SQLITE_IOERR where self.code == csqlite_ioerr_data: .corrupted
            case SQLITE_BUSY, SQLITE_LOCKED: .inUse
            case SQLITE_TOOBIG: .tooLarge
            default: .ioFailed
            }
        let advice =
            switch code {
            case .corrupted:
                ": the disk or another program has damaged the file; nothing was changed. Give the "
                    + "node an empty data directory, so that it gets its data from other replicas"
            case .inUse: ": another program has the file open"
            case .readOnly: ": the file or its file system cannot be written to"
            case .diskFull: ": make room on the disk"
            default: ""
            }
        return StoreError(code, "cannot \(action) in \(path): \(message)\(advice)")
    }
}
#endif
