// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordWire
import NIOConcurrencyHelpers

/// The events of a node for its watchers, in one log for all of them.
///
/// An event is encoded and stored once for any number of watchers. Each watcher is a position in
/// the log. A watcher that falls behind the log's beginning continues there, and is told how many
/// events it has missed. Deliveries are paced, so that an event with thousands of watchers does not
/// delay the node's own work.
final class WatchFeed: Sendable {
    /// The size of the log, and the rate of deliveries.
    struct Limits: Hashable, Sendable {
        /// The number of events kept for slow watchers. A higher number avoids gaps, and costs
        /// memory once per node.
        var events = 1024
        /// The bytes of events kept. One event can have about 60 KiB, with the longest names and
        /// lists.
        var bytes = 4 << 20
        /// The number of deliveries before a pause. Each takes about 20 µs on the node's event
        /// loop.
        var deliveries = 16
        /// The pause after that many deliveries.
        var pause = Duration.milliseconds(2)

        init() {}
    }

    /// The next event for one watcher.
    private struct Delivery {
        var bytes: [UInt8]
        var next: UInt64
    }

    private struct Waiter {
        var cursor: UInt64
        var continuation: CheckedContinuation<Delivery?, Never>
    }

    private struct State {
        var log = Queue<[UInt8]>()
        var bytes = 0
        /// The sequence number of the log's first event.
        var first: UInt64 = 0
        var watchers = 0
        var nextKey = 0
        var waiters: [Int: Waiter] = [:]
        /// The keys of waiters without a new event, in order; some may have been cancelled.
        var idle: [Int] = []
        /// The keys of waiters with a new event, in order; some may have been cancelled.
        var ready = Queue<Int>()
        /// Whether deliveries, or the pause after them, are in progress.
        var isDelivering = false
        var isFinished = false

        var end: UInt64 { first + UInt64(log.count) }

        mutating func append(_ event: [UInt8], _ limits: Limits) {
            log.append(event)
            bytes += event.count
            while log.count > max(limits.events, 1) || (bytes > limits.bytes && log.count > 1) {
                bytes -= log.popFirst()?.count ?? 0
                first += 1
            }
        }

        mutating func wakeIdle() {
            ready.append(contentsOf: idle)
            idle.removeAll(keepingCapacity: true)
        }

        mutating func wait(_ key: Int, _ waiter: Waiter) {
            waiters[key] = waiter
            if waiter.cursor < end || isFinished {
                ready.append(key)
            } else {
                // Cancelled waiters leave their keys behind, which are removed from time to time.
                if idle.count > 2 * waiters.count + 16 {
                    idle.removeAll { waiters[$0] == nil }
                }
                idle.append(key)
            }
        }

        /// The event at a position; nil after the last event.
        func delivery(at cursor: UInt64) -> Delivery? {
            if cursor < first {
                let field = WatchReply.missedField(first - cursor)
                return log.first.map { Delivery(bytes: $0 + field, next: first + 1) }
            }
            guard cursor < end else { return nil }
            return log[Int(cursor - first)].map { Delivery(bytes: $0, next: cursor + 1) }
        }
    }

    private let executor: any NodeExecutor
    private let space: IdentifierSpace
    private let limits: Limits
    private let state = NIOLockedValueBox(State())

    init(executor: any NodeExecutor, space: IdentifierSpace, limits: Limits = Limits()) {
        self.executor = executor
        self.space = space
        self.limits = limits
    }

    /// The number of watchers.
    var watcherCount: Int { state.withLockedValue { $0.watchers } }

    // MARK: The node's side

    /// Sends an event to all watchers.
    func send(_ event: RingEvent) {
        guard watcherCount > 0 else { return }
        let reply = WatchReply(.event(event), time: executor.wallClockMilliseconds)
        let bytes = reply.encoded(in: space)
        state.withLockedValue { state in
            guard !state.isFinished else { return }
            state.append(bytes, limits)
            state.wakeIdle()
        }
        deliver()
    }

    /// Ends the log: each watcher receives the remaining events, and then the end.
    func finish() {
        state.withLockedValue { state in
            state.isFinished = true
            state.wakeIdle()
        }
        deliver()
    }

    // MARK: A watcher's side

    /// Starts to watch from now on. `unsubscribe()` must follow.
    ///
    /// - Returns: The watcher's position, for `next`.
    func subscribe() -> UInt64 {
        state.withLockedValue { state in
            state.watchers += 1
            return state.end
        }
    }

    func unsubscribe() {
        state.withLockedValue { state in
            state.watchers -= 1
            guard state.watchers == 0 else { return }
            state.first = state.end
            state.log.removeAll()
            state.bytes = 0
        }
    }

    /// Waits for the next event after a watcher's position.
    ///
    /// - Returns: An encoded `WatchReply`. Nil at the node's end, or if the task is cancelled.
    nonisolated(nonsending) func next(_ cursor: inout UInt64) async -> [UInt8]? {
        let place = cursor
        let key = state.withLockedValue { state in
            state.nextKey += 1
            return state.nextKey
        }
        let delivery = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let waits = state.withLockedValue { state in
                    guard !Task.isCancelled else { return false }
                    state.wait(key, Waiter(cursor: place, continuation: continuation))
                    return true
                }
                if waits { deliver() } else { continuation.resume(returning: nil) }
            }
        } onCancel: {
            let waiter = state.withLockedValue { $0.waiters.removeValue(forKey: key) }
            waiter?.continuation.resume(returning: nil)
        }
        guard let delivery else { return nil }
        cursor = delivery.next
        return delivery.bytes
    }

    // MARK: Deliveries

    private func deliver() {
        let due = state.withLockedValue { state in
            guard !state.isDelivering, !state.ready.isEmpty else { return false }
            state.isDelivering = true
            return true
        }
        if due { executor.execute { self.deliverSome() } }
    }

    private func deliverSome() {
        let due = state.withLockedValue { state in
            var due: [(Waiter, Delivery?)] = []
            while due.count < limits.deliveries, let key = state.ready.popFirst() {
                guard let waiter = state.waiters.removeValue(forKey: key) else { continue }
                due.append((waiter, state.delivery(at: waiter.cursor)))
            }
            return due
        }
        for (waiter, delivery) in due { waiter.continuation.resume(returning: delivery) }
        _ = executor.schedule(after: limits.pause) { self.pauseEnded() }
    }

    private func pauseEnded() {
        let goesOn = state.withLockedValue { state in
            state.isDelivering = !state.ready.isEmpty
            return state.isDelivering
        }
        if goesOn { deliverSome() }
    }
}
