// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

#if SQLite
internal import CSQLite
import ChordBase

/// The open database of a row engine, with its one writing connection. Confined to the engine's thread.
///
/// An error that one of its methods throws, other than a work's own, is the end of the engine: nothing is
/// tried again after a failed commit or sync, because the system may have dropped what it could not write.
final class SQLiteRowWriter {
    let directory: RowDirectory
    let settings: SQLiteRowSettings
    let connection: SQLiteConnection
    let transaction: SQLiteRowTransaction
    private(set) var pending: PendingChanges
    /// Counts and times since the engine was opened.
    private(set) var counts = RowEngineStatistics()
    /// Pages in the write-ahead log after the last commit. SQLite writes it.
    private let loggedPages: UnsafeMutablePointer<CInt>
    private let now: @Sendable () -> Duration
    private let begin: SQLiteStatement
    private let commitAll: SQLiteStatement
    private let rollBack: SQLiteStatement
    private let databasePages: SQLiteStatement
    private let freePages: SQLiteStatement

    /// Opens the database of a directory, or makes it.
    ///
    /// - Parameters:
    ///   - isNew: whether there may be no database yet.
    ///   - system: SQLite's name of the layer between it and the file system; nil for the usual one.
    init(
        directory path: String,
        settings: SQLiteRowSettings,
        store: StoreID,
        disk: DiskID,
        isNew: Bool,
        system: String,
        now: @escaping @Sendable () -> Duration
    ) throws(StoreError) {
        try settings.validate()
        let directory = try RowDirectory(path)
        try directory.prepare(isNew: isNew) { path throws(StoreError) in
            do throws(SQLiteFailure) {
                try SQLiteRowSchema.create(path, store: store, disk: disk, system: system)
            } catch {
                throw error.storeError("make the database", path)
            }
        }
        try directory.checkLog()
        do throws(SQLiteFailure) {
            connection = try SQLiteConnection(directory.database, creates: false, system: system)
        } catch {
            throw error.storeError("open the database", directory.database)
        }
        // A file that is refused must not be changed by closing it.
        connection.setCheckpointsOnClose(false)
        guard !connection.isReadOnly else {
            throw StoreError(
                .readOnly,
                "\(directory.database) or its file system cannot be written to"
            )
        }
        try SQLiteRowSchema.check(connection, store: store, disk: disk)
        try SQLiteRowSchema.configure(connection, cacheBytes: settings.cacheBytes)
        do throws(SQLiteFailure) {
            transaction = try SQLiteRowTransaction(
                try SQLiteRowTables(connection),
                reserveBytes: settings.reserveBytes / 8
            )
            begin = try SQLiteStatement.prepare("BEGIN", on: connection)
            commitAll = try SQLiteStatement.prepare("COMMIT", on: connection)
            rollBack = try SQLiteStatement.prepare("ROLLBACK", on: connection)
            databasePages = try SQLiteStatement.prepare("PRAGMA page_count", on: connection)
            freePages = try SQLiteStatement.prepare("PRAGMA freelist_count", on: connection)
        } catch {
            throw error.storeError("read the tables", directory.database)
        }
        self.directory = directory
        self.settings = settings
        self.now = now
        pending = PendingChanges(policy: settings.commit)
        loggedPages = .allocate(capacity: 1)
        loggedPages.initialize(to: 0)
        sqlite3_wal_hook(
            connection.pointer,
            { context, _, _, pages in
                context?.assumingMemoryBound(to: CInt.self).pointee = pages
                return SQLITE_OK
            },
            loggedPages
        )
        try beginLog()
        do throws(StoreError) {
            try directory.makeReserve(settings.reserveBytes, spare: 0)
        } catch {
            guard error.code == .diskFull else { throw error }
            transaction.isFull = true
        }
    }

    deinit {
        sqlite3_wal_hook(connection.pointer, nil, nil)
        loggedPages.deallocate()
    }

    var isFull: Bool { transaction.isFull }

    var statistics: RowEngineStatistics {
        var statistics = transaction.statistics
        statistics.works = counts.works
        statistics.failedWorks = counts.failedWorks
        statistics.commits = counts.commits
        statistics.bytesStored = counts.bytesStored
        statistics.bytesOfWriteAheadLog = bytesOfWriteAheadLog
        statistics.changesWaiting = pending.changes
        statistics.isFull = isFull
        return statistics
    }

    // MARK: Works

    /// Runs a work.
    ///
    /// - Throws: if SQLite has lost the transaction.
    func execute<Output>(
        _ work: (inout any RowEngineTransaction) throws(StoreError) -> Output
    ) throws(StoreError) -> Result<Output, StoreError> {
        if !connection.isInTransaction { try run(begin, "begin a transaction") }
        counts.works += 1
        let before = (changes: transaction.changes.count, bytes: transaction.changedBytes)
        transaction.begin()
        let result: Result<Output, StoreError>
        do throws(StoreError) {
            var view: any RowEngineTransaction = transaction
            result = .success(try work(&view))
        } catch {
            counts.failedWorks += 1
            if connection.isInTransaction {
                try transaction.undo()
            } else {
                // SQLite has undone the whole transaction. After a damaged page, or for want of room, the works before
                // this one can be done again: no sync has failed.
                guard error.code == .corrupted || error.code == .diskFull else { throw error }
                if error.code == .diskFull { transaction.isFull = true }
                transaction.wasUndone()
                try run(begin, "begin a transaction")
                try transaction.repeatChanges(0..<transaction.changes.count)
            }
            result = .failure(error)
        }
        // What a work has put into its owner's memory cannot be undone once it has returned: if its changes cannot be
        // kept, the engine closes.
        if case .success = result { try transaction.keep() }
        pending.add(
            changes: transaction.changes.count - before.changes,
            bytes: transaction.changedBytes - before.bytes
        )
        return result
    }

    /// The delay of the timer that must be started now; nil if none must be.
    func timerToStart() -> Duration? { pending.timerToStart() }

    /// Ends a transaction that has only read, so that an idle engine keeps no page of the log in use.
    func rest() throws(StoreError) {
        if connection.isInTransaction, pending.isEmpty { try commit() }
    }

    // MARK: Committing

    /// Makes all changes durable.
    func commit() throws(StoreError) {
        guard connection.isInTransaction else { return }
        let start = now()
        do throws(SQLiteFailure) {
            try commitAll.run()
        } catch {
            guard error.isFullDisk else {
                throw error.storeError("commit", connection.path)
            }
            try commitOnFullDisk()
        }
        guard !pending.isEmpty else { return }
        transaction.forgetChanges()
        pending.clear()
        counts.commits.record(now() - start)
        counts.bytesStored = UInt64(try count(databasePages)) * UInt64(SQLiteRowSchema.pageBytes)
    }

    /// Makes the changes again that a full disk has refused, in the room that was kept back.
    ///
    /// Nothing of the refused commit was synced or counts: without its last page the log ignores it. The
    /// changes are committed in pieces, after each of which the log is copied and begins anew, so that little
    /// room is enough.
    private func commitOnFullDisk() throws(StoreError) {
        if connection.isInTransaction { try run(rollBack, "roll back") }
        transaction.isFull = true
        try directory.releaseReserve()
        try checkpoint()
        for piece in transaction.pieces(of: Self.changesOnFullDisk) {
            try run(begin, "begin a transaction")
            try transaction.repeatChanges(piece)
            try run(commitAll, "commit on a full disk")
            try checkpoint()
        }
    }

    private static let changesOnFullDisk = 64

    private func run(
        _ statement: borrowing SQLiteStatement,
        _ action: String
    ) throws(StoreError) {
        do throws(SQLiteFailure) {
            try statement.run()
        } catch {
            throw error.storeError(action, connection.path)
        }
    }

    /// The value of a statement that counts pages.
    private func count(_ statement: borrowing SQLiteStatement) throws(StoreError) -> Int {
        do throws(SQLiteFailure) {
            defer { statement.reset() }
            return try statement.step() ? Int(statement.number(0)) : 0
        } catch {
            throw error.storeError("count pages", connection.path)
        }
    }

    // MARK: The write-ahead log

    var bytesOfWriteAheadLog: UInt64 {
        UInt64(max(loggedPages.pointee, 0)) * UInt64(SQLiteRowSchema.pageBytes + 24)
    }

    /// Empties the log that a former engine has left. Then whatever a crash spoils belongs to one commit, as
    /// ``WriteAheadLogCheck`` needs it.
    private func beginLog() throws(StoreError) {
        do throws(SQLiteFailure) {
            try connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        } catch {
            guard error.isFullDisk else {
                throw error.storeError("copy the write-ahead log", connection.path)
            }
            transaction.isFull = true
        }
    }

    /// Copies pages of the log to the database. What it has copied whole is written from its beginning again.
    ///
    /// Outside a transaction only. A full disk keeps pages in the log, which is no error.
    func checkpoint() throws(StoreError) {
        do throws(SQLiteFailure) {
            _ = try connection.checkpoint()
        } catch {
            guard error.isFullDisk else {
                throw error.storeError("copy the write-ahead log", connection.path)
            }
            transaction.isFull = true
        }
    }

    /// Gives some pages that rows no longer need back to the file system, if there are many of them. The file
    /// becomes shorter when the log is copied.
    ///
    /// Outside a transaction only.
    func giveBackRoom() throws(StoreError) {
        let free = try count(freePages)
        // Pages that are used again soon are worth keeping, unless others need the room.
        guard free > (isFull ? 0 : max(1_024, try count(databasePages) / 4)) else { return }
        do throws(SQLiteFailure) {
            try connection.execute("PRAGMA incremental_vacuum(\(Self.pagesGivenBack))")
        } catch {
            guard error.isFullDisk else {
                throw error.storeError("give pages back", connection.path)
            }
            transaction.isFull = true
        }
    }

    /// Few enough to take a few milliseconds at most.
    private static let pagesGivenBack = 128

    // MARK: A full disk

    /// Looks whether a full disk has room again.
    func lookForRoom() throws(StoreError) {
        guard isFull else { return }
        try commit()
        try giveBackRoom()
        try checkpoint()
        do throws(StoreError) {
            try directory.makeReserve(
                settings.reserveBytes,
                spare: settings.reserveBytes + settings.checkpointBytes
            )
            transaction.isFull = false
        } catch {
            guard error.code == .diskFull else { throw error }
        }
    }

    /// Closes the database after a commit, or after an error without one.
    func close(afterError: Bool) {
        // Closing may copy the log, which must not be tried on a disk that has failed.
        connection.setCheckpointsOnClose(!afterError && !isFull)
    }
}
#endif
