// SPDX-License-Identifier: Apache-2.0
// Copyright the swift-chord contributors.
// SQLite as Swift sees it, with functions for the macros and variadic functions that Swift does not.
#ifndef SWIFT_CHORD_CSQLITE_SHIM_H
#define SWIFT_CHORD_CSQLITE_SHIM_H

#include <sqlite3.h>

// SQLite copies the bytes before the call returns. The buffer of an earlier value is used again.
static inline int csqlite_bind_copy(sqlite3_stmt *statement, int index, const void *bytes, int count) {
    return sqlite3_bind_blob(statement, index, bytes, count, SQLITE_TRANSIENT);
}

// The bytes must stay where they are until the statement is bound anew or finalized.
static inline int csqlite_bind_borrowed(sqlite3_stmt *statement, int index, const void *bytes,
                                        int count) {
    return sqlite3_bind_blob(statement, index, bytes, count, SQLITE_STATIC);
}

static inline int csqlite_set_option(sqlite3 *connection, int option, int value) {
    return sqlite3_db_config(connection, option, value, (int *)0);
}

// A file of a layer over another system, with a mark of the layer. The other system's file follows it in
// memory.
typedef struct {
    sqlite3_file file;
    int mark;
} csqlite_layered_file;

// The arithmetic of these macros is not imported.
static const int csqlite_ioerr_data = SQLITE_IOERR_DATA;
static const int csqlite_ioerr_short_read = SQLITE_IOERR_SHORT_READ;
static const int csqlite_ioerr_write = SQLITE_IOERR_WRITE;
static const int csqlite_ioerr_fsync = SQLITE_IOERR_FSYNC;

#endif
