// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
package import ChordStore

/// A disk's log in the simulation: what was synced survives a crash, and of the rest a beginning may.
///
/// `@unchecked Sendable`: it is used only on the thread that drives the run.
final class SimulatedLogDisk: @unchecked Sendable {
    /// How long a sync takes.
    var syncTime: () -> Int64
    /// Whether batches with entries are refused for want of room, apart from the reserve.
    var isFull = false {
        didSet { if isFull, !oldValue { reserveLeft = reserveBytes } }
    }
    /// What entries may use each time that the disk becomes full.
    var reserveBytes = 0
    private var reserveLeft = 0
    private let scheduler: SimulationScheduler
    /// What is durable.
    private var durable: MemoryLog
    private var executor: SimulatedExecutor?
    private var waiting:
        [(batch: LogBatch, completion: @Sendable (Result<Void, StoreError>) -> Void)] =
            []
    private var isSyncing = false
    /// The highest round of the present process of which a batch was refused for want of room.
    private var refusedRound: UInt64?
    /// Counts the processes that have used the disk: what an earlier one has begun is void.
    private var user = 0

    init(scheduler: SimulationScheduler, syncTime: @escaping () -> Int64) {
        self.scheduler = scheduler
        self.syncTime = syncTime
        durable = MemoryLog { $0() }
    }

    /// A log for a new process.
    func log(for executor: SimulatedExecutor) -> SimulatedLog {
        user += 1
        self.executor = executor
        return SimulatedLog(disk: self, user: user)
    }

    /// Takes the power away.
    ///
    /// - Parameter kept: how many of the batches that wait for a sync are on the disk all the same.
    func crash(keeping kept: Int) {
        for item in waiting.prefix(kept) where !refuses(item.batch) {
            durable.submit(item.batch) { _ in }
        }
        waiting = []
        isSyncing = false
        refusedRound = nil
        executor = nil
        user += 1
        durable.close {}
    }

    /// What is durable now.
    func copy() -> MemoryLog { durable.copy() }

    /// Puts an old copy in the place of what is durable. No process uses the disk.
    func restore(_ copy: MemoryLog) {
        durable = copy.copy()
    }

    var waitingCount: Int { waiting.count }

    fileprivate func open(
        _ user: Int,
        _ completion: @escaping @Sendable (Result<RecoveredLog, StoreError>) -> Void
    ) {
        guard user == self.user, let executor else { return }
        durable.open { result in executor.execute { completion(result) } }
    }

    fileprivate func submit(
        _ user: Int,
        _ batch: LogBatch,
        _ completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {
        guard user == self.user else { return }
        waiting.append((batch, completion))
        if !isSyncing { sync() }
    }

    /// Whether there is no room for a batch, or there was none for one before it that is not tried again yet: what
    /// builds on entries that are missing must not be durable, whether the power fails meanwhile or not.
    private func refuses(_ batch: LogBatch) -> Bool {
        let round = batch.round ?? .max
        let isHeldUp = refusedRound.map { round <= $0 } ?? false
        guard isHeldUp || !hasRoom(for: batch) else { return false }
        refusedRound = max(refusedRound ?? 0, round == .max ? 0 : round)
        return true
    }

    /// Entries use the reserve as in the real log.
    private func hasRoom(for batch: LogBatch) -> Bool {
        guard isFull else { return true }
        let entries = batch.updates.flatMap(\.entries)
        guard !entries.isEmpty else { return true }
        let size = entries.reduce(0) { $0 + $1.payload.count }
        let kept: Int
        switch batch.reserve {
        case .nothing: return false
        case .half: kept = reserveBytes / 2
        case .most: kept = 0
        }
        guard reserveLeft - size >= kept else { return false }
        reserveLeft -= size
        return true
    }

    /// All batches that wait become durable by one sync, as in the real log.
    private func sync() {
        guard !waiting.isEmpty, let executor else { return }
        isSyncing = true
        let count = waiting.count
        let user = user
        scheduler.schedule(at: scheduler.now + syncTime(), for: nil) { [self] in
            guard user == self.user else { return }
            isSyncing = false
            let synced = waiting.prefix(count)
            waiting.removeFirst(count)
            for item in synced {
                guard !refuses(item.batch) else {
                    let error = StoreError(.diskFull, "the simulated disk is full")
                    executor.execute { item.completion(.failure(error)) }
                    continue
                }
                durable.submit(item.batch) { result in executor.execute { item.completion(result) }
                }
            }
            sync()
        }
    }
}

/// A process' log on a ``SimulatedLogDisk``.
final class SimulatedLog: RaftLogStore, @unchecked Sendable {
    private let disk: SimulatedLogDisk
    private let user: Int

    init(disk: SimulatedLogDisk, user: Int) {
        self.disk = disk
        self.user = user
    }

    func open(_ completion: @escaping @Sendable (Result<RecoveredLog, StoreError>) -> Void) {
        disk.open(user, completion)
    }

    func submit(
        _ batch: LogBatch,
        _ completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {
        disk.submit(user, batch, completion)
    }

    func close(_ completion: @escaping @Sendable () -> Void) { completion() }

    var statistics: LogStatistics {
        var statistics = LogStatistics()
        statistics.isFull = disk.isFull
        return statistics
    }
}
