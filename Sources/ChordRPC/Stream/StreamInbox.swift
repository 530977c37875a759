// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// The received bytes of a stream that are not yet read.
///
/// It holds bytes and not messages, so that it never exceeds the stream's window. The peer may send
/// more only for bytes that the reader has taken, and for the beginning of a message that the
/// reader waits for, because a message may be larger than the window. The transport fills it on its
/// executor; one reader at a time empties it, on any thread.
package final class StreamInbox: Sendable {
    /// A message as it was sent.
    private struct Message {
        var bytes: [UInt8]
        var encoding: MessageEncoding?
    }

    private enum End {
        case finished
        case failed(Status)
    }

    private typealias Reader = CheckedContinuation<Result<Message?, Status>, Never>

    /// A reader whose wait is over, and its result.
    private struct Wake {
        var reader: Reader
        var result: Result<Message?, Status>

        init?(_ reader: Reader?, _ result: Result<Message?, Status>?) {
            guard let reader, let result else { return nil }
            self.reader = reader
            self.result = result
        }

        func callAsFunction() { reader.resume(returning: result) }
    }

    private struct State {
        var bytes: [UInt8] = []
        /// The position in `bytes` at which the next message starts.
        var head = 0
        var end: End?
        var encoding: MessageEncoding?
        var reader: Reader?
        /// The bytes that were received since the start, and those of them whose credit was
        /// returned to the peer.
        var received = 0
        var returned = 0
        /// A message was read.
        var hasDelivered = false

        var unread: Int { bytes.count - head }
    }

    /// The limit of a message.
    private let limit: Int
    /// Less credit than this is not returned yet.
    private let creditGrain: Int
    /// The budget of decompressed bytes; nil if only the message limit applies.
    private let inflation: InflationBudget?
    private let state = NIOLockedValueBox(State())

    /// - Parameters:
    ///   - limit: The limit of a message, in bytes.
    ///   - window: The bytes that the peer may send before any are read.
    ///   - inflation: The budget of decompressed bytes.
    package init(limit: Int, window: Int, inflation: InflationBudget? = nil) {
        self.limit = limit
        self.inflation = inflation
        creditGrain = max(1, min(window / 4, 32 << 10))
    }

    // MARK: The transport's side

    /// Sets the encoding in the peer's headers.
    package func setEncoding(_ encoding: MessageEncoding) {
        state.withLockedValue { $0.encoding = encoding }
    }

    /// Appends received bytes.
    ///
    /// - Returns: the credit to return to the peer at once, in bytes.
    package func append(_ more: UnsafeRawBufferPointer) -> Int {
        let (due, wake) = state.withLockedValue { state -> (Int, Wake?) in
            state.received += more.count
            guard state.end == nil else { return (credit(&state), nil) }
            state.bytes.append(contentsOf: more)
            let wake = wakeReader(&state)
            return (credit(&state), wake)
        }
        wake?()
        return due
    }

    /// The number of unread bytes.
    package var unreadBytes: Int { state.withLockedValue { $0.unread } }

    /// Whether a whole message has come, read or not.
    package var hasReceivedMessage: Bool {
        state.withLockedValue { state in
            if state.hasDelivered { return true }
            // A prefix that is wrong is for the reader to find.
            guard let prefix = try? prefix(state, at: state.head) else {
                return state.unread >= MessageFraming.prefixBytes
            }
            return state.unread >= MessageFraming.prefixBytes + prefix.count
        }
    }

    /// The peer's messages have ended, normally if `failure` is nil.
    ///
    /// - Returns: the problem with the messages, if the reader has already found one or the last
    ///   message is incomplete.
    @discardableResult
    package func finish(_ failure: Status?) -> Status? {
        let (problem, wake) = state.withLockedValue { state -> (Status?, Wake?) in
            if let end = state.end {
                if case .failed(let problem) = end { return (problem, nil) }
                return (nil, nil)
            }
            let problem = failure == nil && !endsWhole(state) ? Self.truncated : nil
            state.end = (failure ?? problem).map { .failed($0) } ?? .finished
            return (problem, wakeReader(&state))
        }
        wake?()
        return problem
    }

    /// The call is over: unread bytes are discarded.
    package func abort(_ status: Status) {
        let reader = state.withLockedValue { state in
            drop(&state, status)
            return state.reader.take()
        }
        reader?.resume(returning: .failure(status))
    }

    /// The stream is closed. Returns the credit that the peer was not given, in bytes.
    package func takeOutstanding() -> Int {
        state.withLockedValue { state in
            let outstanding = state.received - state.returned
            state.returned = state.received
            return outstanding
        }
    }

    // MARK: The reader's side

    /// Waits for the next message.
    ///
    /// - Parameters:
    ///   - executor: The clock for the budget of decompressed bytes; nil if there is none.
    ///   - credit: Called with the credit to return to the peer, in bytes.
    /// - Returns: nil if the peer has ended its messages.
    nonisolated(nonsending) package func next(
        clock executor: (any NodeExecutor)? = nil,
        credit: @Sendable (Int) -> Void
    ) async throws(Status) -> [UInt8]? {
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (reader: Reader) in
                let (due, result) = state.withLockedValue { state in
                    read(&state, reader)
                }
                if due > 0 { credit(due) }
                if let result { reader.resume(returning: result) }
            }
        } onCancel: {
            let reader = state.withLockedValue { $0.reader.take() }
            reader?.resume(returning: .failure(Self.cancelled))
        }
        guard let message = try result.get() else { return nil }
        guard let encoding = message.encoding else { return message.bytes }
        return try decompress(message.bytes, encoding, executor?.now)
    }

    /// Decompression happens here and not on arrival, so that it runs in the reader's task.
    private func decompress(
        _ bytes: [UInt8],
        _ encoding: MessageEncoding,
        _ now: MonotonicTime?
    ) throws(Status) -> [UInt8] {
        do throws(Status) {
            return try encoding.decompress(
                bytes,
                limit: limit,
                budget: now == nil ? nil : inflation,
                at: now ?? .distantFuture
            )
        } catch {
            // Nothing after an invalid message can be read.
            state.withLockedValue { drop(&$0, error) }
            throw error
        }
    }

    private func read(
        _ state: inout State,
        _ reader: Reader
    ) -> (due: Int, result: Result<Message?, Status>?) {
        if let result = takeMessage(&state) { return (credit(&state), result) }
        guard state.reader == nil else { return (0, .failure(Self.secondReader)) }
        guard !Task.isCancelled else { return (0, .failure(Self.cancelled)) }
        state.reader = reader
        return (credit(&state), nil)
    }

    // MARK: Bytes

    /// The waiting reader, if its result has arrived.
    private func wakeReader(_ state: inout State) -> Wake? {
        guard state.reader != nil, let result = takeMessage(&state) else { return nil }
        return Wake(state.reader.take(), result)
    }

    /// Removes the next message, or the end if there is no message left; nil if neither has
    /// arrived.
    private func takeMessage(_ state: inout State) -> Result<Message?, Status>? {
        do throws(Status) {
            if let prefix = try prefix(state, at: state.head) {
                let start = state.head + MessageFraming.prefixBytes
                if state.bytes.count - start >= prefix.count {
                    let message = Message(
                        bytes: Array(state.bytes[start..<start + prefix.count]),
                        encoding: prefix.isCompressed ? state.encoding : nil
                    )
                    advance(&state, to: start + prefix.count)
                    state.hasDelivered = true
                    return .success(message)
                }
            }
        } catch {
            drop(&state, error)
            return .failure(error)
        }
        switch state.end {
        case .finished: return .success(nil)
        case .failed(let status): return .failure(status)
        case nil: return nil
        }
    }

    private func prefix(
        _ state: State,
        at offset: Int
    ) throws(Status) -> MessageFraming.Prefix? {
        var failure: Status?
        let prefix = state.bytes.withUnsafeBytes { bytes -> MessageFraming.Prefix? in
            do throws(Status) {
                return try MessageFraming.readPrefix(
                    UnsafeRawBufferPointer(rebasing: bytes[offset...]),
                    limit: limit,
                    encoding: state.encoding
                )
            } catch {
                failure = error
                return nil
            }
        }
        if let failure { throw failure }
        return prefix
    }

    private func advance(_ state: inout State, to offset: Int) {
        state.head = offset
        if offset == state.bytes.count {
            state.head = 0
            state.bytes.removeAll(keepingCapacity: state.bytes.capacity <= 64 << 10)
        } else if offset >= 32 << 10, offset >= state.bytes.count / 2 {
            // Moving the rest to the front is worth it only if it is shorter than what was read.
            state.bytes.removeFirst(offset)
            state.head = 0
        }
    }

    private func drop(_ state: inout State, _ status: Status) {
        state.bytes = []
        state.head = 0
        state.end = .failed(status)
    }

    /// Whether the received bytes end at the end of a message.
    private func endsWhole(_ state: State) -> Bool {
        var offset = state.head
        while offset < state.bytes.count {
            // An invalid prefix is reported to the reader when it gets there.
            guard let prefix = try? prefix(state, at: offset) else {
                return state.bytes.count - offset >= MessageFraming.prefixBytes
            }
            offset += MessageFraming.prefixBytes + prefix.count
        }
        return offset == state.bytes.count
    }

    /// The credit to return to the peer, if it is enough to be worth a frame.
    private func credit(_ state: inout State) -> Int {
        let taken = state.received - (state.reader == nil ? state.unread : 0)
        let due = taken - state.returned
        guard due >= creditGrain else { return 0 }
        state.returned = taken
        return due
    }

    private static let cancelled = Status(
        .cancelled,
        "the reading task was cancelled",
        origin: .local
    )
    private static let secondReader = Status(
        .internalError,
        "a stream's messages have one reader at a time",
        origin: .local
    )
    private static let truncated = Status(.internalError, "the stream ended inside a message")
}
