// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

#if SQLite
internal import CSQLite
internal import ChordBase

/// A prepared statement. It lives as long as this value, and must not outlive its connection's thread.
///
/// Use: bind all parameters, `step` until false, `reset`. Parameters keep their values until they are bound
/// anew.
struct SQLiteStatement: ~Copyable {
    private let pointer: OpaquePointer
    private let connection: OpaquePointer

    private init(_ pointer: OpaquePointer, on connection: OpaquePointer) {
        self.pointer = pointer
        self.connection = connection
    }

    static func prepare(
        _ text: String,
        on connection: SQLiteConnection
    ) throws(SQLiteFailure) -> SQLiteStatement {
        var pointer: OpaquePointer?
        let code = sqlite3_prepare_v3(
            connection.pointer,
            text,
            -1,
            UInt32(SQLITE_PREPARE_PERSISTENT),
            &pointer,
            nil
        )
        guard code == SQLITE_OK, let pointer else {
            throw SQLiteFailure(code, on: connection.pointer)
        }
        return SQLiteStatement(pointer, on: connection.pointer)
    }

    deinit {
        sqlite3_finalize(pointer)
    }

    // MARK: Parameters, counted from 1

    func bind(_ value: Int64, at index: CInt) {
        check(sqlite3_bind_int64(pointer, index, value))
    }

    func bindNull(at index: CInt) {
        check(sqlite3_bind_null(pointer, index))
    }

    /// Binds a copy of the bytes.
    ///
    /// - Throws: `SQLITE_NOMEM`, `SQLITE_TOOBIG`.
    func bind(_ bytes: [UInt8], at index: CInt) throws(SQLiteFailure) {
        let code = Self.withPointer(to: bytes) { csqlite_bind_copy(pointer, index, $0, $1) }
        guard code == SQLITE_OK else { throw SQLiteFailure(code, on: connection) }
    }

    /// Binds the bytes of a long value without a copy, runs the statement, and forgets them.
    func run(borrowing bytes: [UInt8], at index: CInt) throws(SQLiteFailure) {
        let code = Self.withPointer(to: bytes) { start, count in
            let bound = csqlite_bind_borrowed(pointer, index, start, count)
            guard bound == SQLITE_OK else { return bound }
            defer { sqlite3_bind_null(pointer, index) }
            let code = sqlite3_step(pointer)
            let outcome = sqlite3_reset(pointer)
            return code == SQLITE_DONE ? SQLITE_OK : outcome
        }
        guard code == SQLITE_OK else { throw SQLiteFailure(code, on: connection) }
    }

    /// A null pointer would bind NULL, so no bytes have an address too.
    private static func withPointer(
        to bytes: [UInt8],
        _ body: (UnsafeRawPointer, CInt) -> CInt
    ) -> CInt {
        bytes.withUnsafeBytes { buffer in
            guard let start = buffer.baseAddress, let count = CInt(exactly: buffer.count) else {
                return withUnsafeBytes(of: UInt8(0)) { nothing in
                    buffer.isEmpty ? body(nothing.baseAddress!, 0) : SQLITE_TOOBIG
                }
            }
            return body(start, count)
        }
    }

    private func check(_ code: CInt) {
        precondition(code == SQLITE_OK, "a parameter that the statement does not have")
    }

    // MARK: Running

    /// Whether there is a row.
    func step() throws(SQLiteFailure) -> Bool {
        let code = sqlite3_step(pointer)
        switch code {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default:
            let failure = SQLiteFailure(code, on: connection)
            sqlite3_reset(pointer)
            throw failure
        }
    }

    /// Makes the statement ready to run again. Its rows are gone.
    func reset() {
        // The code repeats what `step` said.
        sqlite3_reset(pointer)
    }

    /// Runs a statement that returns no rows.
    func run() throws(SQLiteFailure) {
        _ = try step()
        reset()
    }

    // MARK: Columns, counted from 0

    func number(_ column: CInt) -> Int64 { sqlite3_column_int64(pointer, column) }

    func isNull(_ column: CInt) -> Bool { sqlite3_column_type(pointer, column) == SQLITE_NULL }

    func text(_ column: CInt) -> String? {
        sqlite3_column_text(pointer, column).map { String(cString: $0) }
    }

    /// A copy of the bytes; empty for NULL.
    ///
    /// - Throws: if the value cannot be read: that is not the same as an empty value.
    func bytes(_ column: CInt) throws(SQLiteFailure) -> [UInt8] {
        let start = sqlite3_column_blob(pointer, column)
        let count = Int(sqlite3_column_bytes(pointer, column))
        guard let start else {
            let code = sqlite3_errcode(connection)
            guard code == SQLITE_NOMEM || code & 0xFF == SQLITE_IOERR || code == SQLITE_CORRUPT
            else { return [] }
            throw SQLiteFailure(code, on: connection)
        }
        return Array(UnsafeRawBufferPointer(start: start, count: count))
    }

    /// The length of the bytes, which need not be read for it.
    func byteCount(_ column: CInt) -> Int { Int(sqlite3_column_bytes(pointer, column)) }
}
#endif
