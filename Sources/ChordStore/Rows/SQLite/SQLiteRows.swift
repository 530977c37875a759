// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

#if SQLite
package import ChordBase
internal import NIOConcurrencyHelpers

/// Rows in a SQLite database, with two threads of its own: one writes, one copies.
///
/// The logic is `SQLiteRowWriter`'s and `SQLiteRowReader`'s; this class only moves requests to the threads.
package final class SQLiteRows: RowEngine {
    private let thread: SQLiteRowThread
    private let submitted = NIOLockedValueBox(RowSequence.zero)
    private let hasStarted = NIOLockedValueBox(false)

    /// Makes an engine that is not open yet.
    ///
    /// - Parameters:
    ///   - directory: the path of a directory that holds nothing else. It is made where only its last part is
    ///     missing.
    ///   - isNew: whether the directory may be empty. False for a disk that had rows before: missing rows
    ///     are `corrupted` then.
    ///   - system: SQLite's name of the layer between it and the file system; nil for the usual one. For
    ///     tests with disks that fail.
    package init(
        directory: String,
        settings: SQLiteRowSettings = SQLiteRowSettings(),
        store: StoreID,
        disk: DiskID,
        isNew: Bool,
        host: RowEngineHost,
        system: String? = nil
    ) {
        thread = SQLiteRowThread(settings: settings, host: host) {
            () throws(StoreError) -> SQLiteRowWriter in
            try SQLiteRowWriter(
                directory: directory,
                settings: settings,
                store: store,
                disk: disk,
                isNew: isNew,
                system: try Self.layer(over: system),
                now: host.now
            )
        } makeReader: { place in
            SQLiteRowReader(
                path: place.path,
                database: place.database,
                system: SQLitePageChecksums.register(over: system) ?? "",
                host: host
            )
        }
    }

    private static func layer(over system: String?) throws(StoreError) -> String {
        guard let name = SQLitePageChecksums.register(over: system) else {
            throw StoreError(.ioFailed, "SQLite has no file system layer, or no memory for it")
        }
        return name
    }

    deinit {
        // A thread that was never started has nothing to close.
        if hasStarted.withLockedValue({ $0 }) { _ = thread.queue.add(.close({ _ in })) }
    }

    private func add(_ request: SQLiteRowThread.Request) {
        guard hasStarted.withLockedValue({ $0 }), thread.queue.add(request) else {
            return thread.refuse(request)
        }
    }

    package func open(_ completion: @escaping @Sendable (Result<Void, StoreError>) -> Void) {
        let isFirst = hasStarted.withLockedValue { hasStarted in
            defer { hasStarted = true }
            return !hasStarted
        }
        if isFirst {
            do throws(StoreError) {
                try thread.start()
            } catch {
                for request in thread.queue.close() { thread.refuse(request) }
                return thread.host.deliver { completion(.failure(error)) }
            }
        }
        add(.open(completion))
    }

    @discardableResult
    package func submit<Output: Sendable>(
        _ work:
            @escaping @Sendable (inout any RowEngineTransaction) throws(StoreError) -> Output,
        _ completion: @escaping @Sendable (Result<Output, StoreError>) -> Void
    ) -> RowSequence {
        let sequence = submitted.withLockedValue { last in
            last = last.successor
            return last
        }
        add(
            .work(sequence) { writer throws(StoreError) in
                guard let writer else { return { completion(.failure(.rowsNotOpen)) } }
                let result = try writer.execute(work)
                return { completion(result) }
            }
        )
        return sequence
    }

    package func commit(_ completion: @escaping @Sendable (Result<Void, StoreError>) -> Void) {
        add(.commit(completion))
    }

    package func snapshot(
        _ select: @escaping RowSelection.Choice,
        _ completion: @escaping @Sendable (Result<any RowSnapshot, StoreError>) -> Void
    ) {
        add(.read(.snapshot(select, completion)))
    }

    package func digest(
        _ select: @escaping RowSelection.Choice,
        naming buckets: Set<UInt8>,
        _ completion: @escaping @Sendable (Result<RowDigest, StoreError>) -> Void
    ) {
        add(.read(.digest(select, buckets, completion)))
    }

    package func close(_ completion: @escaping @Sendable (Result<Void, StoreError>) -> Void) {
        add(.close(completion))
    }

    package var statistics: RowEngineStatistics { thread.statistics }
}
#endif
