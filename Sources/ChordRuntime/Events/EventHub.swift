// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// Hands each event to everybody who listens. A listener that does not keep up loses the oldest events
/// rather than holding up the node.
package final class EventHub<Event: Sendable>: Sendable {
    private struct State {
        var next = 0
        /// In the order in which they came, so that a run with the same seed is the same run.
        var listeners: [(key: Int, continuation: AsyncStream<Event>.Continuation)] = []
        var isFinished = false
    }

    private let capacity: Int
    private let state = NIOLockedValueBox(State())

    package init(capacity: Int) {
        self.capacity = capacity
    }

    /// How many listen.
    package var listenerCount: Int { state.withLockedValue { $0.listeners.count } }

    /// The events from now on; the sequence ends with the node.
    package func events() -> AsyncStream<Event> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Event.self,
            bufferingPolicy: .bufferingNewest(capacity)
        )
        let key = state.withLockedValue { state -> Int? in
            guard !state.isFinished else { return nil }
            state.next += 1
            state.listeners.append((state.next, continuation))
            return state.next
        }
        guard let key else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLockedValue { state in state.listeners.removeAll { $0.key == key } }
        }
        return stream
    }

    package func send(_ event: Event) {
        let listeners = state.withLockedValue { $0.listeners }
        for listener in listeners { listener.continuation.yield(event) }
    }

    package func finish() {
        let listeners = state.withLockedValue { state in
            state.isFinished = true
            defer { state.listeners = [] }
            return state.listeners
        }
        for listener in listeners { listener.continuation.finish() }
    }
}
