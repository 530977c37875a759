// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// Hands each event to everybody who listens. A listener that does not keep up loses the oldest events
/// rather than holding up the node.
///
/// To come and to go cost the same however many others listen.
package final class EventHub<Event: Sendable>: Sendable {
    private struct Listener {
        let key: Int
        let continuation: AsyncStream<Event>.Continuation
    }

    private struct State {
        var next = 0
        /// In the order in which they came, so that a run with the same seed is the same run. Nil is one
        /// that has gone.
        var listeners: [Listener?] = []
        /// Where each stands.
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
            // The gaps are closed when they are half of all: once for as many removals as it takes steps.
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

    /// How many listen.
    package var listenerCount: Int { state.withLockedValue { $0.places.count } }

    /// The events from now on; the sequence ends with the node.
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
