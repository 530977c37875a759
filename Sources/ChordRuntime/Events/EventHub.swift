// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// Sends each event to all listeners. A slow listener loses its oldest events; it does not delay
/// the node.
///
/// Adding and removing a listener costs the same for any number of listeners.
package final class EventHub<Event: Sendable>: Sendable {
    private struct Listener {
        let key: Int
        let continuation: AsyncStream<Event>.Continuation
    }

    private struct State {
        var next = 0
        /// The listeners in the order of arrival, so that a run is reproducible. Nil marks a
        /// removed listener.
        var listeners: [Listener?] = []
        /// The index of each listener.
        var places: [Int: Int] = [:]
        var isFinished = false

        mutating func add(_ continuation: AsyncStream<Event>.Continuation) -> Int {
            next += 1
            places[next] = listeners.count
            listeners.append(Listener(key: next, continuation: continuation))
            return next
        }

        mutating func remove(_ key: Int) {
            guard let place = places.removeValue(forKey: key) else { return }
            listeners[place] = nil
            // The gaps are closed when they are half of the array, so the cost per removal stays
            // constant.
            guard listeners.count > 2 * places.count + 16 else { return }
            listeners.removeAll { $0 == nil }
            for (place, listener) in listeners.enumerated() {
                if let listener { places[listener.key] = place }
            }
        }
    }

    private let capacity: Int
    private let state = NIOLockedValueBox(State())

    package init(capacity: Int) {
        self.capacity = capacity
    }

    /// The number of listeners.
    package var listenerCount: Int { state.withLockedValue { $0.places.count } }

    /// The events from now on. The sequence ends when the node ends.
    package func events() -> AsyncStream<Event> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Event.self,
            bufferingPolicy: .bufferingNewest(capacity)
        )
        let key = state.withLockedValue { $0.isFinished ? nil : $0.add(continuation) }
        guard let key else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLockedValue { $0.remove(key) }
        }
        return stream
    }

    package func send(_ event: Event) {
        let listeners = state.withLockedValue { $0.listeners }
        for listener in listeners { listener?.continuation.yield(event) }
    }

    package func finish() {
        let listeners = state.withLockedValue { state in
            state.isFinished = true
            defer {
                state.listeners = []
                state.places = [:]
            }
            return state.listeners
        }
        for listener in listeners { listener?.continuation.finish() }
    }
}
