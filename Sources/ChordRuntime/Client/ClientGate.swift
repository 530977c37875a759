// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore
import NIOConcurrencyHelpers

/// Counts the calls in progress of a client. Closing the client waits for them, because none may
/// use the event loop after its end.
package final class ClientGate: Sendable {
    private struct State {
        var isClosed = false
        var users = 0
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = NIOLockedValueBox(State())

    package init() {}

    package var isClosed: Bool { state.withLockedValue { $0.isClosed } }

    /// Registers a call. False if the client is closed; otherwise `leave` must follow.
    func enter() -> Bool {
        state.withLockedValue { state in
            guard !state.isClosed else { return false }
            state.users += 1
            return true
        }
    }

    func leave() {
        let waiter = state.withLockedValue { state in
            state.users -= 1
            return state.users == 0 ? state.waiter.take() : nil
        }
        waiter?.resume()
    }

    /// Refuses new calls.
    ///
    /// - Returns: false if the client was closed before.
    package func close() -> Bool {
        state.withLockedValue { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
    }

    /// Waits until the last call has ended. The caller of `close` calls it once.
    package func whenEmpty() async {
        await withCheckedContinuation { continuation in
            let isEmpty = state.withLockedValue { state in
                guard state.users > 0 else { return true }
                state.waiter = continuation
                return false
            }
            if isEmpty { continuation.resume() }
        }
    }
}

extension ClientGate {
    /// Runs an operation unless the gate is closed.
    ///
    /// - Parameter reason: the error's message if it is closed.
    /// - Throws: `stopped` if the gate is closed; `cancelled` if the task is cancelled.
    package func whileOpen<Answer>(
        orFailing reason: String,
        _ body: () async throws(ChordError) -> Answer
    ) async throws(ChordError) -> Answer {
        guard enter() else { throw ChordError(.stopped, reason) }
        defer { leave() }
        do throws(ChordError) {
            return try await body()
        } catch {
            // The operation's own error is a result of the cancellation.
            if Task.isCancelled { throw ChordError(.cancelled, "the task was cancelled") }
            throw error
        }
    }
}

extension RingClient {
    /// Runs an operation unless the client is closed. Closing waits for the operation.
    ///
    /// - Throws: `stopped` if the client is closed; `cancelled` if the task is cancelled.
    package func whileOpen<Answer>(
        _ body: () async throws(ChordError) -> Answer
    ) async throws(ChordError) -> Answer {
        try await gate.whileOpen(orFailing: "the client is closed", body)
    }

    /// The contacts that answer as members and that a walk did not meet.
    package func strays(from walk: RingWalk) async throws(ChordError) -> [NodeReference] {
        let met = Set(walk.members.map(\.node.address))
        var strays: [NodeReference] = []
        for address in contacts where !met.contains(address) {
            var one = self
            one.contacts = [address]
            let state: RingState
            do throws(ChordError) {
                state = try await one.contact().state
            } catch {
                // An address that does not answer is not known to be in any ring.
                guard !Task.isCancelled else { throw error }
                continue
            }
            let isMet = walk.members.contains {
                $0.node.name == state.node.name && $0.node.address == state.node.address
            }
            if !isMet, !strays.contains(state.node) { strays.append(state.node) }
        }
        return strays
    }
}
