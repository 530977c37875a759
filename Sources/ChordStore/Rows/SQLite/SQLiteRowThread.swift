// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

#if SQLite
internal import ChordBase
internal import NIOConcurrencyHelpers

/// The thread of a row engine on SQLite. It takes requests in order, and hands what they lead to to the
/// executor in the same order.
///
/// `@unchecked Sendable`: what is not constant is confined to the thread, except `published`.
final class SQLiteRowThread: @unchecked Sendable {
    enum Request: Sendable {
        case open(@Sendable (Result<Void, StoreError>) -> Void)
        /// Runs a work, or refuses it if there is no writer.
        case work(RowSequence, @Sendable (SQLiteRowWriter?) throws(StoreError) -> Delivery)
        case commit(@Sendable (Result<Void, StoreError>) -> Void)
        case read(SQLiteRowReader.Reading)
        case close(@Sendable (Result<Void, StoreError>) -> Void)
        case timer(UInt64)
        case checkpointed(StoreError?)
        case lookForRoom
    }

    /// What the executor is to run.
    typealias Delivery = @Sendable () -> Void

    let queue = RequestQueue<Request>()
    let host: RowEngineHost
    private let settings: SQLiteRowSettings
    private let makeWriter: @Sendable () throws(StoreError) -> SQLiteRowWriter
    private let makeReader: @Sendable (RowDirectory) -> SQLiteRowReader
    private let published = NIOLockedValueBox(RowEngineStatistics())

    /// Held until the engine is closed, also after an error.
    private var directory: RowDirectory?
    private var writer: SQLiteRowWriter?
    private var reader: SQLiteRowReader?
    private var outbox: [Delivery] = []
    private var executed = RowSequence.zero
    private var wasFull = false
    private var isCheckpointing = false
    /// The reader has copied most of the log. A last short copy, while nothing is written, lets the log begin
    /// anew.
    private var mustFinishCheckpoint = false

    init(
        settings: SQLiteRowSettings,
        host: RowEngineHost,
        makeWriter: @escaping @Sendable () throws(StoreError) -> SQLiteRowWriter,
        makeReader: @escaping @Sendable (RowDirectory) -> SQLiteRowReader
    ) {
        self.settings = settings
        self.host = host
        self.makeWriter = makeWriter
        self.makeReader = makeReader
    }

    var statistics: RowEngineStatistics {
        var statistics = published.withLockedValue { $0 }
        statistics.worksWaiting = queue.count
        return statistics
    }

    func start() throws(StoreError) {
        try startThread { self.run() }
    }

    /// Answers a request that the thread does not take any more.
    func refuse(_ request: Request) {
        switch request {
        case .open(let completion), .commit(let completion):
            host.deliver { completion(.failure(.rowsNotOpen)) }
        case .work(_, let run):
            if let delivery = try? run(nil) { host.deliver(delivery) }
        case .read(let reading): host.deliver { reading.fail(.rowsNotOpen) }
        case .close(let completion): host.deliver { completion(.success(())) }
        case .timer, .checkpointed, .lookForRoom: break
        }
    }

    // MARK: On the thread

    private static let mostDeliveries = 64

    private func run() {
        while true {
            let requests = queue.take()
            for (place, request) in requests.enumerated() {
                if case .close(let completion) = request {
                    return close(completion, refusing: requests[(place + 1)...])
                }
                carryOut(request)
                if outbox.count >= Self.mostDeliveries { deliver() }
            }
            attempt { writer throws(StoreError) in try writer.rest() }
            startTimer()
            publish()
            deliver()
        }
    }

    private func carryOut(_ request: Request) {
        switch request {
        case .open(let completion): open(completion)
        case .work(let sequence, let run): execute(sequence, run)
        case .commit(let completion):
            let result = commit()
            outbox.append { completion(result) }
        case .read(let reading): read(reading)
        case .timer(let generation):
            if let writer, writer.pending.isCurrent(timer: generation) { commit() }
        case .checkpointed(let error): checkpointed(error)
        case .lookForRoom:
            attempt { writer throws(StoreError) in try writer.lookForRoom() }
            reportRoom()
            if writer?.isFull == true { scheduleLook() }
        case .close: break
        }
    }

    /// Does something with the writer. An error is the end of the engine.
    @discardableResult
    private func attempt(
        _ action: (SQLiteRowWriter) throws(StoreError) -> Void
    ) -> Result<Void, StoreError> {
        guard let writer else { return .failure(.rowsNotOpen) }
        do throws(StoreError) {
            try action(writer)
            return .success(())
        } catch {
            fail(error)
            return .failure(error)
        }
    }

    private func fail(_ error: StoreError) {
        writer?.close(afterError: true)
        writer = nil
        reader?.stopCopying()
        // Snapshots that were made can still be read.
        outbox.append { [host] in host.report(.closed(error)) }
    }

    private func deliver() {
        guard !outbox.isEmpty else { return }
        let deliveries = outbox
        outbox = []
        host.deliver {
            for delivery in deliveries { delivery() }
        }
    }

    private func publish() {
        guard let writer else { return }
        let statistics = writer.statistics
        published.withLockedValue { $0 = statistics }
    }

    private func startTimer() {
        guard let writer, let delay = writer.timerToStart() else { return }
        let generation = writer.pending.generation
        host.schedule(delay) { [queue] in _ = queue.add(.timer(generation)) }
    }

    // MARK: Requests

    private func open(_ completion: @escaping @Sendable (Result<Void, StoreError>) -> Void) {
        let result: Result<Void, StoreError>
        do throws(StoreError) {
            guard directory == nil else {
                throw StoreError(.inUse, "the row engine was opened before")
            }
            let writer = try makeWriter()
            directory = writer.directory
            let reader = makeReader(writer.directory)
            try reader.start()
            self.writer = writer
            self.reader = reader
            result = .success(())
        } catch {
            result = .failure(error)
        }
        outbox.append { completion(result) }
        reportRoom()
    }

    private func execute(
        _ sequence: RowSequence,
        _ run: @Sendable (SQLiteRowWriter?) throws(StoreError) -> Delivery
    ) {
        executed = sequence
        do throws(StoreError) {
            outbox.append(try run(writer))
        } catch {
            fail(error)
            if let delivery = try? run(nil) { outbox.append(delivery) }
            return
        }
        if let writer, writer.pending.isDue { commit() }
    }

    @discardableResult
    private func commit() -> Result<Void, StoreError> {
        guard let writer else { return .failure(.rowsNotOpen) }
        let hasChanges = !writer.pending.isEmpty
        let result = attempt { writer throws(StoreError) in try writer.commit() }
        guard case .success = result, hasChanges else { return result }
        let through = executed
        outbox.append { [host] in host.report(.durable(through: through)) }
        careForLog(writer)
        reportRoom()
        return result
    }

    private func read(_ reading: SQLiteRowReader.Reading) {
        // The reader sees what is committed.
        if case .failure(let error) = commit() {
            outbox.append { reading.fail(error) }
        } else if writer?.isFull == true, reading.takesRoom {
            // The room that is left is for deletes.
            outbox.append { reading.fail(.noRoomForRows) }
        } else {
            // The owner hears of the works before it hears of their copy.
            deliver()
            if reader?.queue.add(.rows(reading)) != true {
                outbox.append { reading.fail(.rowsNotOpen) }
            }
        }
    }

    private func close(
        _ completion: @escaping @Sendable (Result<Void, StoreError>) -> Void,
        refusing later: ArraySlice<Request>
    ) {
        var result = Result<Void, StoreError>.success(())
        if writer != nil { result = commit() }
        let ended = ConditionLock(value: reader == nil)
        reader?.stop {
            ended.lock()
            ended.unlock(withValue: true)
        }
        ended.lock(whenValue: true)
        ended.unlock()
        writer?.close(afterError: false)
        publish()
        writer = nil
        reader = nil
        directory?.close()
        let outcome = result
        // Works that were carried out are heard of before the refused ones behind them.
        deliver()
        for rest in later + queue.close() { refuse(rest) }
        // Last: the executor that completions are delivered on may be gone after it.
        outbox.append { completion(outcome) }
        deliver()
    }

    // MARK: Log and room

    /// Keeps the write-ahead log and the database short. Called after each commit.
    private func careForLog(_ writer: SQLiteRowWriter) {
        attempt { writer throws(StoreError) in try writer.giveBackRoom() }
        let bytes = writer.bytesOfWriteAheadLog
        let limit = UInt64(settings.checkpointBytes)
        if mustFinishCheckpoint || writer.isFull || bytes > 4 * limit {
            mustFinishCheckpoint = false
            attempt { writer throws(StoreError) in try writer.checkpoint() }
        } else if bytes > limit, !isCheckpointing {
            isCheckpointing = true
            let added = reader?.queue.add(
                .checkpoint { [queue] error in _ = queue.add(.checkpointed(error)) }
            )
            if added != true { isCheckpointing = false }
        }
    }

    private func checkpointed(_ error: StoreError?) {
        isCheckpointing = false
        guard let error else {
            mustFinishCheckpoint = true
            return
        }
        // Pages stay in the log while the disk is full. After another error nobody knows what was written.
        if error.code == .diskFull {
            writer?.transaction.isFull = true
            reportRoom()
        } else {
            fail(error)
        }
    }

    /// Tells the owner when the disk has become full or has room again, and looks again later.
    private func reportRoom() {
        guard let writer else { return }
        let isFull = writer.isFull
        if isFull != wasFull {
            wasFull = isFull
            outbox.append { [host] in host.report(isFull ? .diskFull : .diskHasRoom) }
            if isFull { scheduleLook() }
        }
    }

    private func scheduleLook() {
        host.schedule(settings.fullDiskRetry) { [queue] in _ = queue.add(.lookForRoom) }
    }
}
#endif
