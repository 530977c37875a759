// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// The state that a stream's caller and its transport share: the messages in both directions, the
/// initial metadata and the call's end. The transport holds this and not the `ClientStream`, so
/// that it notices when the caller drops the stream.
package final class ClientStreamState: ClientCallObserver {
    /// The start of the response: its metadata, or the end of a call that has nothing else.
    enum Head {
        case metadata(Metadata)
        case ended(Status)
    }

    package let inbox: StreamInbox
    package let outbox: StreamOutbox
    let head = AsyncOneShot<Head>()
    let end = AsyncOneShot<ClientResult>()

    package init(inbox: StreamInbox, outbox: StreamOutbox) {
        self.inbox = inbox
        self.outbox = outbox
    }

    // MARK: The transport's side

    package func callAccepted(_ metadata: Metadata) {
        head.set(.metadata(metadata))
    }

    package func callFinished(_ result: ClientResult) {
        // From here on, a caller that has seen the end can send nothing more.
        outbox.close(result.status.isOK ? Self.over : result.status)
        var result = result
        if result.status.isOK {
            if var problem = inbox.finish(nil) {
                problem.origin = .transport
                result.status = problem
            }
            setEnd(result)
            return
        }
        // This comes before the reader wakes, possibly on another thread: it would take an error
        // before the end for an invalid message, and the peer's status for the transport's.
        setEnd(result)
        if result.status.origin == .local {
            inbox.abort(result.status)
        } else {
            inbox.finish(result.status)
        }
    }

    private func setEnd(_ result: ClientResult) {
        head.set(.ended(result.status))
        end.set(result)
    }

    private static let over = Status(
        .failedPrecondition,
        "the peer has ended the call and takes no more messages",
        origin: .local
    )
}

/// A value that is set once, and the tasks that wait for it.
package final class AsyncOneShot<Value: Sendable>: Sendable {
    private typealias Waiter = CheckedContinuation<Value?, Never>

    private struct State {
        var value: Value?
        var waiters: [UInt64: Waiter] = [:]
        var count: UInt64 = 0
    }

    private let state = NIOLockedValueBox(State())

    package init() {}

    var value: Value? { state.withLockedValue { $0.value } }

    /// Sets the value, unless it is set already.
    package func set(_ value: Value) {
        let waiters = state.withLockedValue { state -> [Waiter] in
            guard state.value == nil else { return [] }
            state.value = value
            defer { state.waiters = [:] }
            // The order of a dictionary would differ between runs.
            return state.waiters.sorted { $0.key < $1.key }.map(\.value)
        }
        for waiter in waiters { waiter.resume(returning: value) }
    }

    /// Waits for the value; nil if the task is cancelled first.
    package nonisolated(nonsending) func wait() async -> Value? {
        let number = state.withLockedValue { state in
            state.count += 1
            return state.count
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { (waiter: Waiter) in
                let answer: Value?? = state.withLockedValue { state in
                    if let value = state.value { return value }
                    if Task.isCancelled { return .some(nil) }
                    state.waiters[number] = waiter
                    return nil
                }
                if let answer { waiter.resume(returning: answer) }
            }
        } onCancel: {
            let waiter = state.withLockedValue { $0.waiters.removeValue(forKey: number) }
            waiter?.resume(returning: nil)
        }
    }
}
