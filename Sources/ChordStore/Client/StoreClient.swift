// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordWire

/// The replicated key-value store of a ring, as its clients see it.
///
/// ```swift
/// let written = try await client.store.put("greeting", Array("hello".utf8))
/// let value = try await client.store.get("greeting")
/// ```
///
/// Reads and writes are linearizable: each happens at one moment between its call and its answer. An acknowledged
/// write is on the disks of a majority of its replicas.
///
/// An operation that fails is repeated until its deadline, a write under the same identifier, so that it is done once.
/// A write that still fails throws a ``StoreClientError`` that says whether it may have been done.
///
/// The client asks the leader of a key's range, and remembers which node that is. If it cannot reach the leader, one
/// of its own nodes forwards the operation. A cancelled task ends its operation at once.
public struct StoreClient: Sendable {
    let core: StoreClientCore

    package init(network: any StoreNetwork, limits: StoreClientLimits) {
        core = StoreClientCore(network: network, limits: limits)
    }

    // MARK: Reads

    /// Reads a key.
    ///
    /// - Parameters:
    ///   - level: how strict the read is.
    ///   - timeout: the time for all attempts; nil stands for ``StoreClientLimits/deadline``.
    /// - Returns: the value; nil if the key is absent.
    /// - Throws: `StoreClientError` with `invalidArgument`, `noContact`, `unavailable`, `deadlineExceeded`,
    ///   `refused`, `limitReached`, `noStore`, `invalidAnswer`, `cancelled` or `stopped`.
    public func get(
        _ key: StoreKey,
        level: StoreReadLevel = .linearizable,
        timeout: Duration? = nil
    ) async throws(StoreClientError) -> StoreValue? {
        let reading = try await core.get([key.name], of: key.partition, level, timeout)
        return reading.values[0]
    }

    /// Reads keys of one partition. All values are of one version of the partition.
    ///
    /// - Parameters:
    ///   - names: 1 to 256 keys. Their values may have 3 MiB together.
    ///   - partition: the partition, 1 to 1,024 bytes.
    ///   - level: how strict the read is.
    ///   - timeout: the time for all attempts; nil stands for ``StoreClientLimits/deadline``.
    /// - Throws: as ``get(_:level:timeout:)``.
    public func get(
        _ names: [[UInt8]],
        in partition: [UInt8],
        level: StoreReadLevel = .linearizable,
        timeout: Duration? = nil
    ) async throws(StoreClientError) -> StoreReading {
        try await core.get(names, of: partition, level, timeout)
    }

    // MARK: Writes

    /// Stores a value.
    ///
    /// - Parameters:
    ///   - value: the bytes. A store takes 1 MiB by default, and at most 3 MiB.
    ///   - timeToLive: the time after which the key is deleted, carried in whole milliseconds; nil for a key that
    ///     does not expire. It replaces the former one. A key lives at least that long: the time stands still while
    ///     its range has no leader.
    ///   - condition: the state that the key must have; nil for any. One that does not hold is no error: see
    ///     ``StoreWriteResult/applied``.
    ///   - wantsPrevious: whether to return the value that was there before.
    ///   - timeout: the time for all attempts; nil stands for ``StoreClientLimits/deadline``.
    /// - Throws: `StoreClientError` as ``get(_:level:timeout:)``, or with `answerForgotten`. Its
    ///   ``StoreClientError/mayHaveHappened`` says whether the value may be stored.
    @discardableResult
    public func put(
        _ key: StoreKey,
        _ value: [UInt8],
        timeToLive: Duration? = nil,
        if condition: StoreCondition? = nil,
        wantsPrevious: Bool = false,
        timeout: Duration? = nil
    ) async throws(StoreClientError) -> StoreWriteResult {
        try StoreBounds.check(key)
        try StoreBounds.check(value: value)
        try StoreBounds.check(timeToLive: timeToLive)
        let request = PutRequest(
            partition: key.partition ?? [],
            key: key.name,
            value: value,
            timeToLive: timeToLive,
            condition: try StoreBounds.wire(condition),
            wantsPrevious: wantsPrevious
        )
        return try await core.write(request, to: key, timeout)
    }

    /// Deletes a key. An absent key is no error.
    ///
    /// - Parameters:
    ///   - condition: the state that the key must have; nil for any.
    ///   - wantsPrevious: whether to return the value that was there before.
    ///   - timeout: the time for all attempts; nil stands for ``StoreClientLimits/deadline``.
    /// - Throws: as ``put(_:_:timeToLive:if:wantsPrevious:timeout:)``.
    @discardableResult
    public func delete(
        _ key: StoreKey,
        if condition: StoreCondition? = nil,
        wantsPrevious: Bool = false,
        timeout: Duration? = nil
    ) async throws(StoreClientError) -> StoreWriteResult {
        try StoreBounds.check(key)
        let request = DeleteRequest(
            partition: key.partition ?? [],
            key: key.name,
            condition: try StoreBounds.wire(condition),
            wantsPrevious: wantsPrevious
        )
        return try await core.write(request, to: key, timeout)
    }

    /// Sets the time to live of a present key anew. Value and version stay.
    ///
    /// - Parameters:
    ///   - timeToLive: the time from now, carried in whole milliseconds; nil for a key that does not expire.
    ///   - timeout: the time for all attempts; nil stands for ``StoreClientLimits/deadline``.
    /// - Returns: not applied if the key is absent.
    /// - Throws: as ``put(_:_:timeToLive:if:wantsPrevious:timeout:)``.
    @discardableResult
    public func touch(
        _ key: StoreKey,
        timeToLive: Duration?,
        timeout: Duration? = nil
    ) async throws(StoreClientError) -> StoreWriteResult {
        try StoreBounds.check(key)
        try StoreBounds.check(timeToLive: timeToLive)
        let request = TouchRequest(
            partition: key.partition ?? [],
            key: key.name,
            timeToLive: timeToLive
        )
        return try await core.write(request, to: key, timeout)
    }

    /// Does several operations on keys of one partition: all of them, or none if a condition does not hold.
    ///
    /// - Parameters:
    ///   - operations: 1 to 256, each on another key. Their values may have 3 MiB together.
    ///   - partition: the partition, 1 to 1,024 bytes.
    ///   - wantsPrevious: whether to return the values that were there before.
    ///   - timeout: the time for all attempts; nil stands for ``StoreClientLimits/deadline``.
    /// - Throws: as ``put(_:_:timeToLive:if:wantsPrevious:timeout:)``.
    @discardableResult
    public func batch(
        _ operations: [StoreOperation],
        in partition: [UInt8],
        wantsPrevious: Bool = false,
        timeout: Duration? = nil
    ) async throws(StoreClientError) -> StoreBatchResult {
        try StoreBounds.check(partition: partition)
        let request = BatchRequest(
            partition: partition,
            operations: try StoreBounds.wire(operations),
            wantsPrevious: wantsPrevious
        )
        return try await core.write(request, partition, timeout)
    }
}
