// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import ChordRuntime
import ChordWire

/// The present state of rows, then each change in the order of versions, for as long as somebody reads.
///
/// Every iterator opens a stream of its own with its first `next()`, and ends it when it is released. A stream that
/// breaks, or whose range is led by another node or was split, is opened again and goes on after the last version:
/// nothing comes twice, and nothing is left out. Only a reader that was away or slow for so long that the nodes do not
/// keep the changes any more is told of a gap, and then the state again (``StoreWatchEvent/stateBegins(afterGap:)``).
/// Unread events wait at the node and cost it no more than a few messages.
///
/// The sequence does not end by itself, also while no node can be reached. It throws a ``StoreClientError`` with
/// `invalidArgument`, `refused`, `limitReached` (too many watchers), `noStore`, `invalidAnswer`, `parametersDiffer`,
/// `stopped` or `callFailed`. If the task is cancelled, it ends without an error.
public struct StoreWatch: AsyncSequence, Sendable {
    /// What the reader is told.
    public typealias Element = StoreWatchEvent
    /// The error that ends the sequence.
    public typealias Failure = StoreClientError

    let core: StoreClientCore
    let subject: WatchSubject

    /// Makes an iterator, which opens its stream with its first `next()`.
    public func makeAsyncIterator() -> Iterator { Iterator(core: core, subject: subject) }

    /// One reader.
    public struct Iterator: AsyncIteratorProtocol {
        private let core: StoreClientCore
        private var connection: WatchConnection
        private var events: [StoreWatchEvent] = []
        private var place = 0
        private var isOver = false

        init(core: StoreClientCore, subject: WatchSubject) {
            self.core = core
            connection = WatchConnection(subject)
        }

        /// Waits for the next event. Nil if the task is cancelled, or after the sequence has thrown.
        ///
        /// - Throws: `StoreClientError`, see ``StoreWatch``.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(StoreClientError) -> StoreWatchEvent? {
            while place == events.count {
                guard !isOver else { return nil }
                let (core, former) = (core, connection)
                do throws(StoreClientError) {
                    let step = try await core.run { () throws(StoreClientError) in
                        var connection = former
                        let events = try await core.read(&connection)
                        return (connection, events)
                    }
                    (connection, events) = step
                    place = 0
                } catch {
                    isOver = true
                    connection.close()
                    if Task.isCancelled { return nil }
                    throw error
                }
            }
            defer { place += 1 }
            return events[place]
        }
    }
}

/// What a watch is about, and from where.
struct WatchSubject: Sendable {
    var request: StoreWatchRequest
    /// The key that is watched; nil for the keys of a partition.
    var key: StoreKey?

    func check() throws(StoreClientError) {
        if let key { try StoreBounds.check(key) }
        try StoreBounds.check(partition: request.partition)
        try StoreBounds.check(name: request.prefix, "the prefix")
        if let version = request.afterVersion, !WireLimits.counter.contains(version) {
            throw StoreBounds.refuse("version \(version) is none: versions are at most 2^62")
        }
    }

    var reader: WatchReader {
        let (key, partition) = (key, request.partition)
        return WatchReader(after: request.afterVersion) { name in
            key ?? StoreKey(name, in: partition)
        }
    }
}

extension StoreClient {
    /// Watches a key: its present state, then each change.
    ///
    /// ```swift
    /// for try await event in client.store.watch("greeting") { print(event) }
    /// ```
    ///
    /// - Parameters:
    ///   - version: a version that an earlier watch has told, after which to go on; nil to begin with the present state.
    ///   - keysOnly: whether to leave values out.
    public func watch(
        _ key: StoreKey,
        from version: UInt64? = nil,
        keysOnly: Bool = false
    ) -> StoreWatch {
        StoreWatch(
            core: core,
            subject: WatchSubject(
                request: StoreWatchRequest(
                    partition: key.partition ?? key.name,
                    prefix: key.name,
                    isSingleKey: true,
                    afterVersion: version,
                    keysOnly: keysOnly
                ),
                key: key
            )
        )
    }

    /// Watches the rows of a partition whose keys begin with a prefix: their present state, then each change.
    ///
    /// - Parameters:
    ///   - partition: the partition, 1 to 1,024 bytes.
    ///   - prefix: the first bytes of the keys' names; empty for all keys.
    ///   - version: a version that an earlier watch of the partition has told, after which to go on; nil to begin with the
    ///     present state. The nodes keep the last changes of their ranges in memory, 8 MiB in all by default; further
    ///     back there is a gap.
    ///   - keysOnly: whether to leave values out.
    public func watch(
        partition: [UInt8],
        prefix: [UInt8] = [],
        from version: UInt64? = nil,
        keysOnly: Bool = false
    ) -> StoreWatch {
        StoreWatch(
            core: core,
            subject: WatchSubject(
                request: StoreWatchRequest(
                    partition: partition,
                    prefix: prefix,
                    afterVersion: version,
                    keysOnly: keysOnly
                )
            )
        )
    }
}
