// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import ChordRuntime
import ChordWire
import NIOConcurrencyHelpers

// The operations, from the caller's words to messages and back.

extension StoreClientCore {
    // MARK: Reads

    /// Reads keys of a partition, or a single key without one.
    func get(
        _ names: [[UInt8]],
        of partition: [UInt8]?,
        _ level: StoreReadLevel,
        _ timeout: Duration?
    ) async throws(StoreClientError) -> StoreReading {
        try StoreBounds.check(count: names.count, "keys")
        for name in names { try StoreBounds.check(StoreKey(name, in: partition)) }
        return try await run { () throws(StoreClientError) in
            let request = GetRequest(
                partition: partition ?? [],
                keys: names,
                level: WireReadLevel(level)
            )
            let read = try await answer(to: request, aim(at: partition ?? names[0], timeout))
            guard read.content.values.count == names.count else {
                throw StoreClientError(
                    .invalidAnswer,
                    "\(read.address) answers with \(read.content.values.count) values for"
                        + " \(names.count) keys"
                )
            }
            return StoreReading(
                values: read.content.values.map { $0.map(StoreValue.init) },
                version: read.answer.version,
                lag: read.content.lag.map(StoreLag.init)
            )
        }
    }

    // MARK: Writes

    /// Writes one key.
    func write(
        _ request: some RoutedWrite,
        to key: StoreKey,
        _ timeout: Duration?
    ) async throws(StoreClientError) -> StoreWriteResult {
        let result = try await write(request, key.partition ?? key.name, timeout)
        let operation = result.operations.first
        return StoreWriteResult(
            applied: result.applied,
            version: result.version,
            previousVersion: operation?.previousVersion,
            previousValue: operation?.previousValue,
            isRepeated: result.isRepeated
        )
    }

    /// Writes keys of a partition.
    func write(
        _ request: some RoutedWrite,
        _ partition: [UInt8],
        _ timeout: Duration?
    ) async throws(StoreClientError) -> StoreBatchResult {
        try await run { () throws(StoreClientError) in
            let aim = try await aim(at: partition, timeout)
            let time = try await rangeTime(of: partition, aim)
            let ticket = try await begin(aim)
            defer { end(ticket) }
            var request = request
            request.id = ticket.id(preparedAt: time)
            let written = try await answer(to: request, aim)
            return StoreBatchResult(
                applied: written.content.applied,
                version: written.answer.version,
                operations: written.content.results.map(StoreBatchResult.Operation.init),
                isRepeated: written.content.isReplayed
            )
        }
    }

    /// The time of a partition's range in milliseconds, from an answer of it that is new enough. Without one the
    /// range is asked by a read. A range that has forgotten the client refuses a write without a recent time,
    /// because it could be a late copy of one that it has done.
    private func rangeTime(
        of partition: [UInt8],
        _ aim: Aim
    ) async throws(StoreClientError) -> UInt64 {
        let oldest = now + (.zero - limits.timeLifetime)
        let known = state.withLockedValue { $0.time(at: aim.position, notBefore: oldest) }
        if let known { return known }
        let request = GetRequest(partition: partition, keys: [[]])
        return try await answer(to: request, aim).answer.timeMilliseconds
    }

    /// Begins a write, after earlier ones to the same range if too many of them have no answer.
    private func begin(_ aim: Aim) async throws(StoreClientError) -> WriteBook.Ticket {
        var generator = network.executor.generator
        while true {
            let (place, ticket) = state.withLockedValue { state in
                let place = state.ranges.range(at: aim.position)?.descriptor.range
                return (place, state.writes.begin(place, using: &generator))
            }
            if let ticket { return ticket }
            await waitForRoom(at: place, until: aim.deadline)
            guard !Task.isCancelled, now < aim.deadline else {
                // This write does not use the room that it may have been woken for.
                wakeNext(at: place)
                throw Task.isCancelled
                    ? StoreClientError(.cancelled, "the task was cancelled")
                    : StoreClientError(
                        .deadlineExceeded,
                        "\(limits.unansweredWrites) writes of this client to the same range have no answer;"
                            + " the write was not sent"
                    )
            }
        }
    }

    private func waitForRoom(at place: WriteBook.Place, until deadline: MonotonicTime) async {
        let executor = network.executor
        await executor.answer(orWhenCancelled: ()) { [self] completion in
            let number = state.withLockedValue { state -> UInt64? in
                guard !state.writes.hasRoom(place) else { return nil }
                return state.waiting.add(at: place) { completion(()) }
            }
            guard let number else {
                completion(())
                return {}
            }
            let stopWaiting: @Sendable () -> Void = { [self] in
                _ = state.withLockedValue { $0.waiting.remove(number, at: place) }
            }
            let timer = executor.schedule(after: deadline - executor.now) {
                stopWaiting()
                completion(())
            }
            return {
                timer.cancel()
                stopWaiting()
            }
        }
    }

    private func end(_ ticket: WriteBook.Ticket) {
        state.withLockedValue { $0.writes.end(ticket) }
        wakeNext(at: ticket.place)
    }

    private func wakeNext(at place: WriteBook.Place) {
        let waiter = state.withLockedValue { state in
            state.writes.hasRoom(place) ? state.waiting.popFirst(at: place) : nil
        }
        waiter?.wake()
    }
}

// MARK: - Values

extension WireReadLevel {
    init(_ level: StoreReadLevel) {
        self =
            switch level {
            case .linearizable: .linearizable
            case .lease: .lease
            case .stale: .stale
            }
    }
}

extension StoreValue {
    init(_ value: WireValue) {
        self.init(value.bytes, version: value.version, timeToLive: value.timeToLive)
    }
}

extension StoreLag {
    init(_ lag: WireReplicaLag) {
        self.init(entries: Int(clamping: lag.entries), silence: lag.silence)
    }
}

extension StoreBatchResult.Operation {
    init(_ result: WireOperationResult) {
        self.init(
            conditionHeld: result.conditionHeld,
            previousVersion: result.previousVersion,
            previousValue: result.previousValue
        )
    }
}
