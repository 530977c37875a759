// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord

/// A cache in front of one partition of the store. Every process has one; a change made through any of them, or by any
/// other client, drops the old value from all.
///
/// Values that are held cost no call. Others are read from the nearest replica (`stale`), which may be behind. A watch
/// tells which keys have changed, and up to which version: what a replica tells from before that version is not held.
/// So a reader sees a change once this cache has been told of it, which takes about a round trip, and never an older
/// value again after that.
actor NearCache {
    private let store: StoreClient
    private let partition: [UInt8]
    private let capacity: Int
    private var values: [[UInt8]: [UInt8]] = [:]
    /// The last version that the watch has told; nil while the cache is not told of changes.
    private var version: UInt64?
    /// Reads that were answered without a call, for those who measure.
    private(set) var hits = 0

    /// - Parameter capacity: the most values that are held.
    init(_ store: StoreClient, partition: [UInt8], capacity: Int = 10_000) {
        self.store = store
        self.partition = partition
        self.capacity = capacity
    }

    /// Keeps the cache true until the task is cancelled. Without it every read goes to the store.
    ///
    /// - Throws: `StoreClientError` if the watch cannot go on, for example because the certificate may not watch.
    func run() async throws(StoreClientError) {
        defer { forgetEverything() }
        // Only the names: values are read when somebody wants them.
        for try await event in store.watch(partition: partition, keysOnly: true) {
            switch event {
            // Changes may be missing: nothing that is held is known to be true any more.
            case .stateBegins, .interrupted: forgetEverything()
            case .row: break
            case .stateIsComplete(let told), .progress(let told): version = max(version ?? 0, told)
            case .changed(let change):
                for key in change.keys { values[key.key.name] = nil }
                version = version.map { max($0, change.version) }
            }
        }
    }

    private func forgetEverything() {
        values = [:]
        version = nil
    }

    /// The value of a key; nil if it is absent. Absent keys are not held.
    func get(_ name: [UInt8]) async throws(StoreClientError) -> [UInt8]? {
        if let value = values[name] {
            hits += 1
            return value
        }
        var reading = try await store.get([name], in: partition, level: .stale)
        if reading.version < version ?? .max {
            // The replica does not have all that the watch has told, or there is no watch.
            reading = try await store.get([name], in: partition)
        }
        guard let value = reading.values[0]?.bytes else { return nil }
        // A change may have been told while the read was on its way.
        if let version, reading.version >= version, values.count < capacity { values[name] = value }
        return value
    }

    /// Stores a value. This cache's next read sees it.
    func put(_ name: [UInt8], _ value: [UInt8]) async throws(StoreClientError) {
        let key = StoreKey(name, in: partition)
        let written = try await store.put(key, value)
        values[name] = nil
        // The watch will tell this change, too; a read must not wait for that.
        if let version { self.version = max(version, written.version) }
    }
}
