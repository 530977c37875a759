// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// The items that a stream's writer has sent and the transport has not taken yet.
///
/// Writers on any thread add items. The transport takes them on its executor, as far as the peer's
/// window and its own buffers allow. A writer that is too far ahead waits.
package final class StreamOutbox: Sendable {
    package enum Item: Sendable {
        /// The response headers, before the first message.
        case headers(Metadata)
        /// A message with its prefix.
        case message([UInt8])
        /// The end of the client's messages.
        case endOfMessages
        /// The server's status and trailing metadata.
        case finish(Status, Metadata)
    }

    private typealias Writer = CheckedContinuation<Status?, Never>

    private struct State {
        var items: [Item] = []
        /// The index of the first item that is not taken.
        var first = 0
        var bytes = 0
        /// The transport was notified and has not looked yet.
        var isSignalled = false
        /// No more items may be added.
        var isEnded = false
        /// The status of the call, once it has ended.
        var closed: Status?
        var writers: [UInt64: Writer] = [:]
        var writerCount: UInt64 = 0
    }

    /// The number of bytes from which writers wait.
    private static let roomBytes = 64 << 10

    /// The limit of a message, including its prefix.
    private let limit: Int
    private let state = NIOLockedValueBox(State())

    /// - Parameter limit: The limit of a message, in bytes.
    package init(limit: Int) {
        self.limit = limit
    }

    // MARK: The writer's side

    /// Waits until there is room for a message.
    ///
    /// - Throws: the status of the call if it has ended; CANCELLED if the task is cancelled.
    nonisolated(nonsending) package func waitForRoom() async throws(Status) {
        if let failure = state.withLockedValue({ $0.closed }) { throw failure }
        guard state.withLockedValue({ $0.bytes >= Self.roomBytes }) else { return }
        let number = state.withLockedValue { state in
            state.writerCount += 1
            return state.writerCount
        }
        let failure = await withTaskCancellationHandler {
            await withCheckedContinuation { (writer: Writer) in
                let answer: Status?? = state.withLockedValue { state in
                    if let closed = state.closed { return closed }
                    if state.bytes < Self.roomBytes { return .some(nil) }
                    if Task.isCancelled { return Self.cancelled }
                    state.writers[number] = writer
                    return nil
                }
                if let answer { writer.resume(returning: answer) }
            }
        } onCancel: {
            let writer = state.withLockedValue { $0.writers.removeValue(forKey: number) }
            writer?.resume(returning: Self.cancelled)
        }
        if let failure { throw failure }
    }

    /// Adds an item and notifies the transport.
    ///
    /// - Throws: the status of the call if it has ended; FAILED_PRECONDITION after the end of the
    ///   messages; RESOURCE_EXHAUSTED for a message that is too long.
    package func put(_ item: Item, for link: any StreamLink) throws(Status) {
        if case .message(let bytes) = item, bytes.count > limit {
            throw Status(
                .resourceExhausted,
                "a message of \(bytes.count) bytes is over the limit of \(limit) for sending",
                origin: .local
            )
        }
        let outcome: Result<Bool, Status> = state.withLockedValue { state in
            if let closed = state.closed { return .failure(closed) }
            if state.isEnded { return .failure(Self.ended) }
            state.items.append(item)
            switch item {
            case .message(let bytes): state.bytes += bytes.count
            case .endOfMessages, .finish: state.isEnded = true
            case .headers: break
            }
            defer { state.isSignalled = true }
            return .success(!state.isSignalled)
        }
        let needsSignal = try outcome.get()
        if link.executor.isCurrent {
            link.outputWaits()
        } else if needsSignal {
            link.executor.execute { link.outputWaits() }
        }
    }

    // MARK: The transport's side

    /// Removes the next item; a message only if `admits` accepts its number of bytes.
    package func take(where admits: (_ bytes: Int) -> Bool) -> Item? {
        let (item, writers) = state.withLockedValue { state -> (Item?, [Writer]) in
            state.isSignalled = false
            guard state.first < state.items.count else { return (nil, []) }
            let item = state.items[state.first]
            if case .message(let bytes) = item {
                guard admits(bytes.count) else { return (nil, []) }
                state.bytes -= bytes.count
            }
            state.first += 1
            if state.first == state.items.count {
                state.items.removeAll(keepingCapacity: true)
                state.first = 0
            } else if state.first >= 64 {
                state.items.removeFirst(state.first)
                state.first = 0
            }
            guard state.bytes < Self.roomBytes else { return (item, []) }
            return (item, Self.takeWriters(&state))
        }
        for writer in writers { writer.resume(returning: nil) }
        return item
    }

    /// The call is over: present and later writers get `status`.
    package func close(_ status: Status) {
        let writers = state.withLockedValue { state -> [Writer] in
            guard state.closed == nil else { return [] }
            state.closed = status
            state.items = []
            state.first = 0
            state.bytes = 0
            return Self.takeWriters(&state)
        }
        for writer in writers { writer.resume(returning: status) }
    }

    /// In the order of their arrival, because the order of a dictionary would differ between runs.
    private static func takeWriters(_ state: inout State) -> [Writer] {
        guard !state.writers.isEmpty else { return [] }
        defer { state.writers = [:] }
        return state.writers.sorted { $0.key < $1.key }.map(\.value)
    }

    private static let cancelled = Status(
        .cancelled,
        "the writing task was cancelled",
        origin: .local
    )
    private static let ended = Status(
        .failedPrecondition,
        "the end of the stream's messages was sent already",
        origin: .local
    )
}
