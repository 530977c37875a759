// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

#if SQLite
internal import ChordBase

/// The directory of a row engine. It belongs to one engine at a time.
///
///     rows.db, rows.db-wal, rows.db-shm   SQLite's
///     rows.db.new                         a database that is being made
///     reserve                             room that is given up when the disk is full
///     snapshot-N                          copies that are being sent
///     lock                                held while an engine is open
final class RowDirectory {
    let path: String
    private let files: SystemLogFiles

    var database: String { "\(path)/rows.db" }
    private static let databaseName = "rows.db"
    private static let newName = "rows.db.new"
    private static let reserveName = "reserve"
    static let snapshotPrefix = "snapshot-"

    /// Takes a directory, which is made where only its last part is missing.
    ///
    /// - Throws: `inUse`, `readOnly`, `diskFull`, `ioFailed`.
    init(_ path: String) throws(StoreError) {
        self.path = path
        files = try SystemLogFiles(directory: path)
        do throws(StoreError) {
            try files.lock()
        } catch {
            guard error.code == .inUse else { throw error }
            throw StoreError(
                .inUse,
                "the rows in \(path) are in use: a directory belongs to one node, and a node runs once"
            )
        }
    }

    /// Releases the directory.
    func close() {
        files.close()
    }

    /// Removes what a former engine did not finish, and makes the database file if there is none.
    ///
    /// - Parameters:
    ///   - isNew: whether there may be no database yet.
    ///   - make: makes a database file at a path.
    /// - Throws: `corrupted` if the database is missing and must not be; what `make` throws.
    func prepare(
        isNew: Bool,
        make: (_ path: String) throws(StoreError) -> Void
    ) throws(StoreError) {
        let names = try files.list()
        for name in names
        where name.hasPrefix(Self.newName) || name.hasPrefix(Self.snapshotPrefix) {
            try files.remove(name)
        }
        guard !names.contains(Self.databaseName) else { return }
        guard isNew, !names.contains(Self.databaseName + "-wal") else {
            throw StoreError(
                .corrupted,
                "\(database) is missing; nothing was changed. Give the node an empty data directory, so "
                    + "that it gets its data from other replicas"
            )
        }
        try make("\(path)/\(Self.newName)")
        try files.rename(Self.newName, to: Self.databaseName)
        try files.syncDirectory()
    }

    /// Looks at the write-ahead log before SQLite does.
    ///
    /// - Throws: `corrupted` if it has lost commits that a crash cannot have taken.
    func checkLog() throws(StoreError) {
        let name = Self.databaseName + "-wal"
        guard try files.list().contains(name) else { return }
        let log = try files.open(name)
        defer { log.close() }
        let database = try files.open(Self.databaseName)
        defer { database.close() }
        let check = try WriteAheadLogCheck(
            log: log,
            database: database,
            pageBytes: SQLiteRowSchema.pageBytes
        )
        guard try check.isDamaged() else { return }
        throw StoreError(
            .corrupted,
            "\(path)/\(name) was damaged, and commits in it are lost; nothing was changed. Give the node an "
                + "empty data directory, so that it gets its data from other replicas"
        )
    }

    // MARK: Reserve

    /// Keeps room back.
    ///
    /// - Parameter spare: further room that must be there at this moment, so that the disk is not full again
    ///   at once.
    /// - Throws: `diskFull`; nothing is kept back then.
    func makeReserve(_ bytes: Int, spare: Int) throws(StoreError) {
        guard bytes + spare > 0 else { return }
        let isThere = try files.list().contains(Self.reserveName)
        do throws(StoreError) {
            let file =
                try isThere ? files.open(Self.reserveName) : files.create(Self.reserveName)
            defer { file.close() }
            try file.allocate(bytes + spare)
            try file.truncate(to: bytes)
        } catch {
            // A part of the room helps nobody.
            try releaseReserve()
            throw error
        }
    }

    /// Gives the room up.
    func releaseReserve() throws(StoreError) {
        guard try files.list().contains(Self.reserveName) else { return }
        try files.remove(Self.reserveName)
    }
}
#endif
