// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import ChordBase

/// Rows in memory, without a thread: for the simulator, tests, and stores that keep nothing.
///
/// `@unchecked Sendable`: confined to the executor of its owner, as ``RowEngine`` demands.
package final class MemoryRows: RowEngine, @unchecked Sendable {
    private enum Request {
        case open((Result<Void, StoreError>) -> Void)
        /// Runs a work on a transaction, or refuses it if there is none.
        case work(RowSequence, (MemoryRowTransaction?) -> Bool)
        case commit((Result<Void, StoreError>) -> Void)
        case snapshot(RowSelection.Choice, (Result<any RowSnapshot, StoreError>) -> Void)
        case digest(RowSelection.Choice, Set<UInt8>, (Result<RowDigest, StoreError>) -> Void)
        case close((Result<Void, StoreError>) -> Void)
    }

    private let host: RowEngineHost
    private let disk: MemoryRowDisk
    private let policy: RowCommitPolicy
    private var requests: [Request] = []
    private var isPumpScheduled = false
    /// A commit is under way. What waits for it is answered at its end.
    private var committing: [(Result<Void, StoreError>) -> Void]?
    private var opening: UInt64?
    private var transaction: MemoryRowTransaction?
    private var pending: PendingChanges
    private var submitted = RowSequence.zero
    private var executed = RowSequence.zero
    private var counts = RowEngineStatistics()
    private var hasReportedFull = false

    /// - Parameter disk: what survives this engine. Nothing else does.
    package init(
        disk: MemoryRowDisk,
        policy: RowCommitPolicy = RowCommitPolicy(),
        host: RowEngineHost
    ) {
        self.disk = disk
        self.policy = policy
        self.host = host
        pending = PendingChanges(policy: policy)
    }

    package func open(_ completion: @escaping @Sendable (Result<Void, StoreError>) -> Void) {
        add(.open(completion))
    }

    @discardableResult
    package func submit<Output: Sendable>(
        _ work:
            @escaping @Sendable (inout any RowEngineTransaction) throws(StoreError) -> Output,
        _ completion: @escaping @Sendable (Result<Output, StoreError>) -> Void
    ) -> RowSequence {
        submitted = submitted.successor
        add(
            .work(submitted) { transaction in
                guard let transaction else {
                    completion(.failure(.rowsNotOpen))
                    return false
                }
                do throws(StoreError) {
                    var view: any RowEngineTransaction = transaction
                    let output = try work(&view)
                    completion(.success(output))
                    return true
                } catch {
                    transaction.rollBack()
                    completion(.failure(error))
                    return false
                }
            }
        )
        return submitted
    }

    package func commit(_ completion: @escaping @Sendable (Result<Void, StoreError>) -> Void) {
        add(.commit(completion))
    }

    package func snapshot(
        _ select: @escaping RowSelection.Choice,
        _ completion: @escaping @Sendable (Result<any RowSnapshot, StoreError>) -> Void
    ) {
        add(.snapshot(select, completion))
    }

    package func digest(
        _ select: @escaping RowSelection.Choice,
        naming buckets: Set<UInt8>,
        _ completion: @escaping @Sendable (Result<RowDigest, StoreError>) -> Void
    ) {
        add(.digest(select, buckets, completion))
    }

    package func close(_ completion: @escaping @Sendable (Result<Void, StoreError>) -> Void) {
        add(.close(completion))
    }

    package var statistics: RowEngineStatistics {
        var statistics = transaction?.statistics ?? RowEngineStatistics()
        statistics.works = counts.works
        statistics.failedWorks = counts.failedWorks
        statistics.commits = counts.commits
        statistics.worksWaiting = requests.count
        statistics.changesWaiting = pending.changes
        statistics.isFull = disk.isFull
        return statistics
    }

    // MARK: Running

    private func add(_ request: Request) {
        requests.append(request)
        schedulePump()
    }

    /// Requests run later on the executor, never inside the call that makes them.
    private func schedulePump() {
        guard !isPumpScheduled, committing == nil else { return }
        isPumpScheduled = true
        guard disk.workDelay > .zero else { return host.deliver { self.pump() } }
        host.schedule(disk.workDelay) { self.pump() }
    }

    private func pump() {
        isPumpScheduled = false
        // The power is gone.
        if transaction != nil, disk.holder != opening { return }
        var next = 0
        while next < requests.count, committing == nil {
            let request = requests[next]
            next += 1
            carryOut(request)
        }
        requests.removeFirst(next)
        reportRoom()
        if let delay = pending.timerToStart() {
            let generation = pending.generation
            host.schedule(delay) { self.timerFired(generation) }
        }
    }

    private func carryOut(_ request: Request) {
        switch request {
        case .open(let completion): completion(openDisk())
        case .work(let sequence, let run): execute(sequence, run)
        case .commit(let completion):
            guard transaction != nil else { return completion(.failure(.rowsNotOpen)) }
            startCommit(completion)
        case .snapshot(let select, let completion): completion(snapshot(select))
        case .digest(let select, let buckets, let completion):
            completion(digest(select, naming: buckets))
        case .close(let completion):
            guard transaction != nil else { return completion(.success(())) }
            startCommit { result in
                if self.transaction != nil { self.disk.giveUp() }
                self.transaction = nil
                completion(result)
            }
        }
    }

    private func openDisk() -> Result<Void, StoreError> {
        guard transaction == nil, let opening = disk.take() else {
            return .failure(StoreError(.inUse, "the rows in memory are in use"))
        }
        self.opening = opening
        transaction = MemoryRowTransaction(on: disk)
        return .success(())
    }

    private func snapshot(
        _ select: RowSelection.Choice
    ) -> Result<any RowSnapshot, StoreError> {
        guard let transaction else { return .failure(.rowsNotOpen) }
        guard !disk.isFull else { return .failure(.noRoomForRows) }
        do throws(StoreError) {
            var records: any RowRecordReader = transaction
            let selection = try select(&records)
            let copy = try MemoryRowSnapshot(transaction.tables, selection, of: disk, host: host)
            return .success(copy)
        } catch {
            return .failure(error)
        }
    }

    private func digest(
        _ select: RowSelection.Choice,
        naming buckets: Set<UInt8>
    ) -> Result<RowDigest, StoreError> {
        guard let transaction else { return .failure(.rowsNotOpen) }
        do throws(StoreError) {
            var records: any RowRecordReader = transaction
            let selection = try select(&records)
            var digest = RowDigest(of: selection.records, naming: buckets)
            for interval in selection.bounds.intervals {
                var damage: RowKey?
                transaction.tables.forEach(in: interval.rows(of: selection.slot)) { key, row in
                    guard !disk.damaged.contains(key) else {
                        damage = key
                        return false
                    }
                    digest.add(row, at: key)
                    return true
                }
                if let damage { try disk.check(damage) }
            }
            return .success(digest)
        } catch {
            return .failure(error)
        }
    }

    private func execute(_ sequence: RowSequence, _ run: (MemoryRowTransaction?) -> Bool) {
        executed = sequence
        transaction?.begin()
        let succeeded = run(transaction)
        guard let transaction else { return }
        counts.works += 1
        if !succeeded { counts.failedWorks += 1 }
        pending.add(changes: transaction.changes, bytes: transaction.changedBytes)
        if pending.isDue { startCommit(nil) }
    }

    // MARK: Committing

    private func timerFired(_ generation: UInt64) {
        guard transaction != nil, committing == nil, disk.holder == opening,
            pending.isCurrent(timer: generation)
        else { return }
        startCommit(nil)
    }

    private func startCommit(_ completion: ((Result<Void, StoreError>) -> Void)?) {
        let waiting = completion.map { [$0] } ?? []
        guard !pending.isEmpty else {
            for completion in waiting { completion(.success(())) }
            return
        }
        committing = waiting
        disk.unfinished = transaction?.tables
        let start = host.now()
        let through = executed
        guard disk.commitDelay > .zero else { return finishCommit(through, from: start) }
        host.schedule(disk.commitDelay) {
            guard self.disk.holder == self.opening else { return }
            self.finishCommit(through, from: start)
            self.schedulePump()
        }
    }

    private func finishCommit(_ through: RowSequence, from start: Duration) {
        let waiting = committing ?? []
        committing = nil
        let changed = !pending.isEmpty
        pending.clear()
        if let error = disk.nextCommitFailure {
            disk.nextCommitFailure = nil
            transaction = nil
            disk.giveUp()
            for completion in waiting { completion(.failure(error)) }
            host.report(.closed(error))
            return
        }
        if let unfinished = disk.unfinished { disk.committed = unfinished }
        disk.unfinished = nil
        counts.commits.record(host.now() - start)
        if changed { host.report(.durable(through: through)) }
        for completion in waiting { completion(.success(())) }
    }

    private func reportRoom() {
        guard transaction != nil, disk.isFull != hasReportedFull else { return }
        hasReportedFull = disk.isFull
        host.report(disk.isFull ? .diskFull : .diskHasRoom)
    }
}
