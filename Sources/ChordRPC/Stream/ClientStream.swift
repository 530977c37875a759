// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A call with streams of messages to make.
package struct ClientStreamCall: Sendable {
    package var target: PeerTarget
    package var method: RPCMethod
    /// When to give up, on the clock of the executor that the call is made on. It travels along. Nil
    /// is for calls that last as long as they are wanted.
    package var deadline: MonotonicTime?
    package var metadata: Metadata
    /// How messages are compressed where it pays, and may come back; nil for not at all.
    package var compression: MessageEncoding?

    package init(
        target: PeerTarget,
        method: RPCMethod,
        deadline: MonotonicTime?,
        metadata: Metadata = [],
        compression: MessageEncoding? = nil
    ) {
        self.target = target
        self.method = method
        self.deadline = deadline
        self.metadata = metadata
        self.compression = compression
    }
}

/// A call with streams of messages as its caller sees it. It may be used from any thread.
///
/// Whoever waits here in a task that is cancelled cancels the call, and so does who drops the stream
/// before its end: no call stays open that nobody looks at.
package final class ClientStream: MessageSource {
    private let state: ClientStreamState
    private let link: any StreamLink
    private let compression: MessageEncoding?

    /// To be called by transports.
    package init(
        state: ClientStreamState,
        link: any StreamLink,
        compression: MessageEncoding? = nil
    ) {
        self.state = state
        self.link = link
        self.compression = compression
    }

    deinit {
        // Hardly a stream is dropped before its end, and one that is not costs no hop.
        guard state.end.value == nil else { return }
        link.executor.runOrExecute { [link] in link.abandon(Self.dropped) }
    }

    // MARK: Requests

    /// Sends a message, once the peer has room for it.
    ///
    /// - Parameter compressing: False for a message that goes as it is where the call's others are
    ///   compressed: how short a message becomes tells of what is in it.
    /// - Throws: how the call ended, where it has; FAILED_PRECONDITION behind `finishSending` or where
    ///   the peer ended the call well before it had all messages.
    nonisolated(nonsending) package func send(
        _ message: [UInt8],
        compressing: Bool = true
    ) async throws(Status) {
        do throws(Status) {
            try await state.outbox.waitForRoom()
        } catch {
            abandonIfCancelled()
            throw error
        }
        let framed = MessageFraming.frame(message, encoding: compressing ? compression : nil)
        try state.outbox.put(.message(framed), for: link)
    }

    /// Says that no more messages follow. On a call that has ended it does nothing.
    package func finishSending() {
        try? state.outbox.put(.endOfMessages, for: link)
    }

    // MARK: Answers

    /// The peer's messages. They end where the call ended with OK and throw how it ended otherwise.
    package var responses: MessageSequence { MessageSequence(source: self) }

    /// The next of the peer's messages; nil once the call has ended with OK.
    ///
    /// - Throws: how the call ended, or what is wrong with the message.
    nonisolated(nonsending) package func nextMessage() async throws(Status) -> [UInt8]? {
        do throws(Status) {
            return try await state.inbox.next { [link] bytes in
                link.executor.runOrExecute { link.returnCredit(bytes) }
            }
        } catch {
            if abandonIfCancelled() || state.end.value != nil { throw error }
            // The message is at fault and with it the peer; nothing behind it can be understood.
            var failure = error
            failure.origin = .transport
            abandon(failure)
            throw failure
        }
    }

    /// The one message of a call whose answer is one.
    ///
    /// - Throws: how the call ended; INTERNAL where it ended with OK and has none, or more than one.
    nonisolated(nonsending) package func onlyResponse() async throws(Status) -> [UInt8] {
        guard let message = try await nextMessage() else {
            throw Status(.internalError, "the call ended without a message", origin: .transport)
        }
        guard try await nextMessage() == nil else {
            let failure = Status(
                .internalError,
                "the call has more than one message for an answer",
                origin: .transport
            )
            abandon(failure)
            throw failure
        }
        return message
    }

    /// What the peer sent along ahead of its messages; empty where it ended the call with OK and
    /// nothing else.
    ///
    /// - Throws: how the call ended, where that was before any answer.
    nonisolated(nonsending) package func initialMetadata() async throws(Status) -> Metadata {
        switch await state.head.wait() {
        case .metadata(let metadata): return metadata
        case .ended(let status) where status.isOK: return []
        case .ended(let status): throw status
        case nil:
            abandon(Self.cancelled)
            throw Self.cancelled
        }
    }

    /// Waits for the call's end: its status and trailing metadata, and who answered. It reads no
    /// messages: where the peer has more of them than it may send unread, somebody must.
    nonisolated(nonsending) package func result() async -> ClientResult {
        if let result = await state.end.wait() { return result }
        abandon(Self.cancelled)
        return state.end.value ?? ClientResult(status: Self.cancelled)
    }

    nonisolated(nonsending) package func status() async -> Status { await result().status }

    nonisolated(nonsending) package func trailers() async -> Metadata { await result().trailers }

    // MARK: Ends

    /// Ends the call with CANCELLED, here and at the peer. After its end it does nothing.
    package func cancel() {
        abandon(Status(.cancelled, "the caller cancelled", origin: .local))
    }

    @discardableResult
    private func abandonIfCancelled() -> Bool {
        guard Task.isCancelled else { return false }
        abandon(Self.cancelled)
        return true
    }

    private func abandon(_ status: Status) {
        link.executor.runOrExecute { [link] in link.abandon(status) }
    }

    private static let cancelled = Status(
        .cancelled,
        "the calling task was cancelled",
        origin: .local
    )
    private static let dropped = Status(
        .cancelled,
        "the caller let go of the stream",
        origin: .local
    )
}

extension ClientTransport {
    /// What a transport that carries no streams answers: a stream that has ended with UNIMPLEMENTED.
    package func openStream(
        _ call: ClientStreamCall,
        on executor: any NodeExecutor
    ) -> ClientStream {
        .failed(
            Status(.unimplemented, "this transport carries no streams", origin: .local),
            on: executor
        )
    }
}

extension ClientStream {
    private final class NoLink: StreamLink {
        let executor: any NodeExecutor

        init(executor: any NodeExecutor) {
            self.executor = executor
        }

        func outputWaits() {}
        func returnCredit(_ bytes: Int) {}
        func abandon(_ status: Status) {}
    }

    /// A stream that has ended before it began.
    package static func failed(_ status: Status, on executor: any NodeExecutor) -> ClientStream {
        let state = ClientStreamState(
            inbox: StreamInbox(limit: 0, window: 0),
            outbox: StreamOutbox(limit: 0)
        )
        state.callFinished(ClientResult(status: status))
        return ClientStream(state: state, link: NoLink(executor: executor))
    }
}
