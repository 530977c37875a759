// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord

/// A lock that processes of a ring share.
///
/// The lock is a key that exists while somebody holds it. Whoever creates it holds it, for a time to live: a holder that
/// dies or is cut off loses the lock by itself. A holder renews it before that time is over.
///
/// A holder that stood still does not know that its time is over. So each acquisition has a *fence*: the version of the
/// write that took the lock. Versions grow, so a resource that refuses lower fences than it has seen is safe from late
/// holders, whatever their clocks say. A resource that is a key of the same partition needs not even that: the write
/// names the lock in one batch (`write(_:_:)`).
struct StoreLock: Sendable {
    /// Whoever has it holds the lock until it is lost or released.
    struct Holding: Sendable {
        /// Higher than those of all former holders.
        let fence: UInt64
        /// The version of the lock's last renewal.
        fileprivate var version: UInt64
    }

    private let store: StoreClient
    private let partition: [UInt8]
    private let name: [UInt8]
    private let owner: [UInt8]
    private let timeToLive: Duration

    /// - Parameters:
    ///   - partition: of the lock, and of the keys that it guards.
    ///   - owner: for people who look at the lock.
    ///   - timeToLive: how long the lock outlives a holder that does not renew it. A longer time tolerates longer
    ///     pauses of a holder; a shorter one frees the lock of a dead one sooner.
    init(
        _ store: StoreClient,
        partition: String,
        name: String,
        owner: String,
        timeToLive: Duration = .seconds(15)
    ) {
        self.store = store
        self.partition = Array(partition.utf8)
        self.name = Array(name.utf8)
        self.owner = Array(owner.utf8)
        self.timeToLive = timeToLive
    }

    private var key: StoreKey { StoreKey(name, in: partition) }

    /// Takes the lock if nobody holds it.
    func tryAcquire() async throws(StoreClientError) -> Holding? {
        let written = try await store.put(key, owner, timeToLive: timeToLive, if: .absent)
        return written.applied ? Holding(fence: written.version, version: written.version) : nil
    }

    /// Takes the lock, and waits for it as long as others hold it.
    ///
    /// - Throws: `StoreClientError`, with `cancelled` if the task is cancelled.
    func acquire() async throws(StoreClientError) -> Holding {
        if let holding = try await tryAcquire() { return holding }
        var isPresent = false
        // Nobody polls: the watch tells when the lock is released, or its time to live is over.
        for try await event in store.watch(key, keysOnly: true) {
            switch event {
            case .stateBegins: isPresent = false
            case .row: isPresent = true
            case .changed(let change):
                isPresent = change.keys.contains { if case .put = $0.kind { true } else { false } }
            case .stateIsComplete, .progress, .interrupted: break
            }
            if case .stateBegins = event { continue }
            if !isPresent, let holding = try await tryAcquire() { return holding }
        }
        // The sequence ends only for a cancelled task; this call then fails in the same way.
        _ = try await store.get(key)
        return try await acquire()
    }

    /// Renews the time to live. False if the lock was lost: what it guards must not be touched any more.
    func renew(_ holding: inout Holding) async throws(StoreClientError) -> Bool {
        let written = try await store.put(
            key,
            owner,
            timeToLive: timeToLive,
            if: .version(holding.version)
        )
        if written.applied { holding.version = written.version }
        return written.applied
    }

    /// Releases the lock, if it is still held.
    func release(_ holding: Holding) async throws(StoreClientError) {
        try await store.delete(key, if: .version(holding.version))
    }

    /// Writes a key of the lock's partition, only while the lock is held: one batch checks the lock and writes.
    ///
    /// - Returns: false if the lock was lost; nothing was written then.
    func write(
        _ value: [UInt8],
        to name: String,
        _ holding: Holding
    ) async throws(StoreClientError) -> Bool {
        try await store.batch(
            [.check(self.name, .version(holding.version)), .put(Array(name.utf8), value)],
            in: partition
        ).applied
    }
}

/// A resource outside the store that refuses late holders of a lock: it remembers the highest fence it has seen.
actor FencedLog {
    struct Refused: Error {
        let fence: UInt64
        let highest: UInt64
    }

    private var highest: UInt64 = 0
    private(set) var lines: [String] = []

    /// - Throws: `Refused` for a holder that another one has followed.
    func append(_ line: String, fence: UInt64) throws {
        guard fence >= highest else { throw Refused(fence: fence, highest: highest) }
        highest = fence
        lines.append(line)
    }
}
