// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

#if SQLite
internal import ChordBase
internal import NIOConcurrencyHelpers

/// The second thread of a row engine: what takes long and must not keep works waiting. It copies the
/// write-ahead log to the database, and makes and reads snapshots, over a connection of its own.
///
/// `@unchecked Sendable`: the connection and the files are confined to the thread.
final class SQLiteRowReader: @unchecked Sendable {
    /// All rows of a selection, as they are at one moment.
    enum Reading: Sendable {
        case snapshot(
            RowSelection.Choice,
            @Sendable (Result<any RowSnapshot, StoreError>) -> Void
        )
        case digest(
            RowSelection.Choice,
            Set<UInt8>,
            @Sendable (Result<RowDigest, StoreError>) -> Void
        )

        func fail(_ error: StoreError) {
            switch self {
            case .snapshot(_, let completion): completion(.failure(error))
            case .digest(_, _, let completion): completion(.failure(error))
            }
        }

        /// Whether it needs room on the disk.
        var takesRoom: Bool {
            if case .snapshot = self { true } else { false }
        }
    }

    enum Request: Sendable {
        case checkpoint(@Sendable (StoreError?) -> Void)
        case rows(Reading)
        case read(
            name: String,
            offset: Int,
            count: Int,
            @Sendable (Result<[UInt8], StoreError>) -> Void
        )
        case remove(name: String)
        case close(@Sendable () -> Void)
    }

    let queue = RequestQueue<Request>()
    let host: RowEngineHost
    private let path: String
    private let database: String
    private let system: String
    private let isStopping = NIOLockedValueBox(false)
    private let hasFailed = NIOLockedValueBox(false)
    private var tables: SQLiteRowTables?
    private var files: SystemLogFiles?
    private var open: [String: any LogFile] = [:]
    private var snapshots = 0

    /// - Parameters:
    ///   - path: the directory.
    ///   - database: the database file in it.
    init(path: String, database: String, system: String, host: RowEngineHost) {
        self.path = path
        self.database = database
        self.system = system
        self.host = host
    }

    func start() throws(StoreError) {
        try startThread { self.run() }
    }

    /// Copies no more of the log: the disk has failed.
    func stopCopying() {
        hasFailed.withLockedValue { $0 = true }
    }

    /// Ends the thread. A snapshot that is being made fails.
    func stop(_ completion: @escaping @Sendable () -> Void) {
        isStopping.withLockedValue { $0 = true }
        if !queue.add(.close(completion)) { completion() }
    }

    // MARK: On the thread

    private func run() {
        while true {
            for request in queue.take() {
                guard case .close(let completion) = request else {
                    carryOut(request)
                    continue
                }
                for rest in queue.close() { refuse(rest) }
                tables = nil
                open = [:]
                files = nil
                return completion()
            }
        }
    }

    private func refuse(_ request: Request) {
        switch request {
        case .checkpoint(let completion): completion(nil)
        case .rows(let reading): host.deliver { reading.fail(.rowsNotOpen) }
        case .read(_, _, _, let completion): host.deliver { completion(.failure(.rowsNotOpen)) }
        case .remove: break
        case .close(let completion): completion()
        }
    }

    private func carryOut(_ request: Request) {
        guard !isStopping.withLockedValue({ $0 }) else { return refuse(request) }
        switch request {
        case .checkpoint(let completion): completion(checkpoint())
        case .rows(.digest(let select, let buckets, let completion)):
            let result: Result<RowDigest, StoreError>
            do throws(StoreError) {
                result = .success(try digest(select, naming: buckets))
            } catch {
                result = .failure(error)
            }
            host.deliver { completion(result) }
        case .rows(.snapshot(let select, let completion)):
            let result: Result<any RowSnapshot, StoreError>
            do throws(StoreError) {
                result = .success(try makeSnapshot(select))
            } catch {
                result = .failure(error)
            }
            host.deliver { completion(result) }
        case .read(let name, let offset, let count, let completion):
            let result: Result<[UInt8], StoreError>
            do throws(StoreError) {
                guard let file = open[name] else { throw .rowsNotOpen }
                result = .success(try file.read(at: max(offset, 0), count: max(count, 0)))
            } catch {
                result = .failure(error)
            }
            host.deliver { completion(result) }
        case .remove(let name):
            open[name] = nil
            // The next opening of the engine removes what stays.
            try? files?.remove(name)
        case .close: break
        }
    }

    private func openTables() throws(StoreError) -> SQLiteRowTables {
        if let tables { return tables }
        do throws(SQLiteFailure) {
            let connection = try SQLiteConnection(database, creates: false, system: system)
            // The writer alone decides about the end of the log.
            connection.setCheckpointsOnClose(false)
            try connection.execute(
                """
                PRAGMA query_only = 1; PRAGMA synchronous = FULL; PRAGMA checkpoint_fullfsync = 1;
                PRAGMA wal_autocheckpoint = 0; PRAGMA mmap_size = 0; PRAGMA cell_size_check = 1;
                """
            )
            let tables = try SQLiteRowTables(connection)
            self.tables = tables
            return tables
        } catch {
            throw error.storeError("open a second connection", database)
        }
    }

    private func checkpoint() -> StoreError? {
        guard !hasFailed.withLockedValue({ $0 }) else { return nil }
        do throws(StoreError) {
            let connection = try openTables().connection
            do throws(SQLiteFailure) {
                _ = try connection.checkpoint()
            } catch {
                throw error.storeError("copy the write-ahead log", database)
            }
            return nil
        } catch {
            return error
        }
    }

    // MARK: Snapshots

    private func makeSnapshot(
        _ select: RowSelection.Choice
    ) throws(StoreError) -> SQLiteRowSnapshot {
        let tables = try openTables()
        let files: SystemLogFiles
        if let present = self.files {
            files = present
        } else {
            files = try SystemLogFiles(directory: path)
            self.files = files
        }
        snapshots += 1
        let name = "\(RowDirectory.snapshotPrefix)\(snapshots)"
        let file = try files.create(name)
        do throws(StoreError) {
            let counts = try copy(select, from: tables, to: file)
            open[name] = file
            return SQLiteRowSnapshot(
                name: name,
                byteCount: counts.bytes,
                rowCount: counts.rows,
                checksum: counts.checksum,
                reader: self
            )
        } catch {
            file.close()
            try? files.remove(name)
            throw error
        }
    }

    /// Copies a selection to a file.
    private func copy(
        _ select: RowSelection.Choice,
        from tables: SQLiteRowTables,
        to file: any LogFile
    ) throws(StoreError) -> (bytes: Int, rows: Int, checksum: UInt32) {
        var encoder = RowStreamEncoder()
        var written = 0
        var checksum: UInt32 = 0
        func write(_ bytes: [UInt8]) throws(StoreError) {
            try file.write(bytes, at: written)
            checksum = Checksum.crc32(bytes, continuing: checksum)
            written += bytes.count
        }
        try read(select, from: tables) { selection throws(StoreError) in
            encoder = RowStreamEncoder(blockBytes: selection.blockBytes)
            try write(encoder.start())
            for record in selection.records {
                try write(encoder.record(record.name, record.value))
            }
        } row: { element throws(StoreError) in
            if let block = encoder.row(element.row, at: element.key) { try write(block) }
        }
        try write(encoder.finish())
        return (written, encoder.rowCount, checksum)
    }

    private func digest(
        _ select: RowSelection.Choice,
        naming buckets: Set<UInt8>
    ) throws(StoreError) -> RowDigest {
        var digest = RowDigest(of: [], naming: buckets)
        try read(select, from: try openTables()) { selection throws(StoreError) in
            digest = RowDigest(of: selection.records, naming: buckets)
        } row: { element throws(StoreError) in
            digest.add(element.row, at: element.key)
        }
        return digest
    }

    /// Reads a selection in one transaction, so that all is of one moment.
    private func read(
        _ select: RowSelection.Choice,
        from tables: SQLiteRowTables,
        begin: (RowSelection) throws(StoreError) -> Void,
        row: (RowPage.Element) throws(StoreError) -> Void
    ) throws(StoreError) {
        let connection = tables.connection
        do throws(SQLiteFailure) {
            try connection.execute("BEGIN")
        } catch {
            throw error.storeError("begin a snapshot", database)
        }
        defer {
            // The transaction has changed nothing. If it cannot be ended, the next one cannot begin.
            try? connection.execute("ROLLBACK")
        }
        var reader: any RowRecordReader = SQLiteRecordReader(tables: tables)
        let selection = try select(&reader)
        try begin(selection)
        for interval in selection.bounds.intervals {
            var rest: RowInterval? = interval.rows(of: selection.slot)
            while let next = rest {
                guard !isStopping.withLockedValue({ $0 }) else { throw .rowsNotOpen }
                let page = try tables.scan(next, limit: RowLimit(rows: 1_024, bytes: 1 << 20))
                for element in page.rows { try row(element) }
                rest = page.next.map {
                    RowInterval(slot: selection.slot, first: $0, end: next.end)
                }
            }
        }
    }
}

/// Reads records inside the transaction of a snapshot.
private struct SQLiteRecordReader: RowRecordReader {
    let tables: SQLiteRowTables

    mutating func metadata(_ name: RowMetadataName) throws(StoreError) -> [UInt8]? {
        try tables.record(name)
    }

    mutating func metadataNames(
        in scope: RowMetadataName.Scope
    ) throws(StoreError) -> [RowMetadataName] {
        try tables.names(in: scope)
    }
}

/// A snapshot in a file, which the reader's thread reads.
final class SQLiteRowSnapshot: RowSnapshot {
    let byteCount: Int
    let rowCount: Int
    let checksum: UInt32
    private let name: String
    private let reader: SQLiteRowReader

    init(
        name: String,
        byteCount: Int,
        rowCount: Int,
        checksum: UInt32,
        reader: SQLiteRowReader
    ) {
        self.name = name
        self.byteCount = byteCount
        self.rowCount = rowCount
        self.checksum = checksum
        self.reader = reader
    }

    deinit { discard() }

    func read(
        at offset: Int,
        atMost count: Int,
        _ completion: @escaping @Sendable (Result<[UInt8], StoreError>) -> Void
    ) {
        let request = SQLiteRowReader.Request.read(
            name: name,
            offset: offset,
            count: min(count, max(byteCount - offset, 0)),
            completion
        )
        if !reader.queue.add(request) {
            reader.host.deliver { completion(.failure(.rowsNotOpen)) }
        }
    }

    func discard() {
        _ = reader.queue.add(.remove(name: name))
    }
}
#endif
