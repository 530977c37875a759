// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// What has come from a stream's peer and is not read yet.
///
/// It holds bytes and not messages, so that it never holds more than the stream's window: the peer may
/// send more only for what the reader has taken, and for the beginning of a message that the reader
/// waits for, since a message may be larger than the window. The transport fills it on its executor;
/// one reader at a time empties it, wherever that one runs.
package final class StreamInbox: Sendable {
    /// One message as it was sent.
    private struct Message {
        var bytes: [UInt8]
        var encoding: MessageEncoding?
    }

    private enum End {
        case finished
        case failed(Status)
    }

    private typealias Reader = CheckedContinuation<Result<Message?, Status>, Never>

    /// A reader that has waited long enough, and for what.
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
        /// Where in `bytes` the next message begins.
        var head = 0
        var end: End?
        var encoding: MessageEncoding?
        var reader: Reader?
        /// Bytes that came, and those of them for which the peer was allowed others, since the
        /// beginning.
        var received = 0
        var returned = 0

        var unread: Int { bytes.count - head }
    }

    /// The longest message.
    private let limit: Int
    /// Less than this is not worth telling the transport.
    private let creditGrain: Int
    /// What compressed messages may become; nil for no bound but the messages' own.
    private let inflation: InflationBudget?
    private let state = NIOLockedValueBox(State())

    /// - Parameters:
    ///   - limit: The longest message taken, in bytes.
    ///   - window: The bytes that the peer may send before any are taken.
    ///   - inflation: What the peer's compressed messages may become, besides.
    package init(limit: Int, window: Int, inflation: InflationBudget? = nil) {
        self.limit = limit
        self.inflation = inflation
        creditGrain = max(1, min(window / 4, 32 << 10))
    }

    // MARK: The transport's side

    /// Messages may be compressed so, as the peer's headers say.
    package func setEncoding(_ encoding: MessageEncoding) {
        state.withLockedValue { $0.encoding = encoding }
    }

    /// Takes in what has come.
    ///
    /// - Returns: for how many bytes the peer may be allowed others at once.
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

    /// Bytes that are here and not read.
    package var unreadBytes: Int { state.withLockedValue { $0.unread } }

    /// The peer's messages have ended: well where `failure` is nil.
    ///
    /// - Returns: what is wrong with them, where the reader has found that already or the last is not
    ///   whole.
    @discardableResult
    package func finish(_ failure: Status?) -> Status? {
        let (flaw, wake) = state.withLockedValue { state -> (Status?, Wake?) in
            if let end = state.end {
                if case .failed(let flaw) = end { return (flaw, nil) }
                return (nil, nil)
            }
            let flaw = failure == nil && !endsWhole(state) ? Self.truncated : nil
            state.end = (failure ?? flaw).map { .failed($0) } ?? .finished
            return (flaw, wakeReader(&state))
        }
        wake?()
        return flaw
    }

    /// The call is over and what is not read has lost its meaning.
    package func abort(_ status: Status) {
        let reader = state.withLockedValue { state in
            drop(&state, status)
            return state.reader.take()
        }
        reader?.resume(returning: .failure(status))
    }

    /// The stream is gone: for how many bytes the peer was not allowed others and never will be.
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
    ///   - executor: Whose clock the budget of compressed messages goes by; nil where there is none.
    ///   - credit: Hears for how many bytes the peer may be allowed others.
    /// - Returns: nil where the peer has ended its messages.
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

    /// Here and not where the message comes in, so that it is the reader who pays for it.
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
            // What follows a message that cannot be read cannot be either.
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

    // MARK: The bytes

    /// The reader that waits, where what it waits for is here.
    private func wakeReader(_ state: inout State) -> Wake? {
        guard state.reader != nil, let result = takeMessage(&state) else { return nil }
        return Wake(state.reader.take(), result)
    }

    /// Takes the next message out, or the end where all before it is taken; nil where neither is here.
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
            // Moving the rest down pays only where it is less than what is gone.
            state.bytes.removeFirst(offset)
            state.head = 0
        }
    }

    private func drop(_ state: inout State, _ status: Status) {
        state.bytes = []
        state.head = 0
        state.end = .failed(status)
    }

    /// Whether the bytes that are here end where a message does.
    private func endsWhole(_ state: State) -> Bool {
        var offset = state.head
        while offset < state.bytes.count {
            // What is wrong with a prefix its reader will learn in its turn.
            guard let prefix = try? prefix(state, at: offset) else {
                return state.bytes.count - offset >= MessageFraming.prefixBytes
            }
            offset += MessageFraming.prefixBytes + prefix.count
        }
        return offset == state.bytes.count
    }

    /// What the peer may be allowed anew, where that is worth a word.
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
