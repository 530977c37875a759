// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A streaming call.
package struct ClientStreamCall: Sendable {
    package var target: PeerTarget
    package var method: RPCMethod
    /// The deadline, by the clock of the call's executor. It is sent with the call. Nil for calls
    /// without a time limit.
    package var deadline: MonotonicTime?
    package var metadata: Metadata
    /// The encoding that may be used in both directions if it saves bytes; nil for no compression.
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

/// The caller's side of a streaming call. It may be used on any thread.
///
/// Cancelling a task that waits here cancels the call. Dropping the stream before its end does so
/// too, so that no call stays open unused.
package final class ClientStream: MessageSource {
    private let state: ClientStreamState
    private let link: any StreamLink
    private let compression: MessageEncoding?

    /// For transports.
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
        // A stream is rarely dropped before its end; otherwise this does not switch executors.
        guard state.end.value == nil else { return }
        link.executor.runOrExecute { [link] in link.abandon(Self.dropped) }
    }

    // MARK: Requests

    /// Sends a message once the peer has room for it.
    ///
    /// - Parameter compressing: False to send this message uncompressed in a call with compression.
    ///   The compressed length reveals something about the content.
    /// - Throws: the status of the call if it has ended; FAILED_PRECONDITION after `finishSending`,
    ///   or if the peer ended the call with OK before it had all messages.
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

    /// Ends the requests. It has no effect after the call's end.
    package func finishSending() {
        try? state.outbox.put(.endOfMessages, for: link)
    }

    // MARK: Responses

    /// The peer's messages. The sequence ends if the call ends with OK, and throws its status
    /// otherwise.
    package var responses: MessageSequence { MessageSequence(source: self) }

    /// The next message of the peer; nil after the call has ended with OK.
    ///
    /// - Throws: the status of the call, or the problem with the message.
    nonisolated(nonsending) package func nextMessage() async throws(Status) -> [UInt8]? {
        do throws(Status) {
            return try await state.inbox.next { [link] bytes in
                link.executor.runOrExecute { link.returnCredit(bytes) }
            }
        } catch {
            if abandonIfCancelled() || state.end.value != nil { throw error }
            // The peer sent an invalid message. Nothing after it can be read.
            var failure = error
            failure.origin = .transport
            abandon(failure)
            throw failure
        }
    }

    /// The message of a call that has exactly one response.
    ///
    /// - Throws: the status of the call; INTERNAL if it ended with OK and had no message, or more
    ///   than one.
    nonisolated(nonsending) package func onlyResponse() async throws(Status) -> [UInt8] {
        guard let message = try await nextMessage() else {
            throw Status(.internalError, "the call ended without a message", origin: .transport)
        }
        guard try await nextMessage() == nil else {
            let failure = Status(
                .internalError,
                "the call has more than one response message",
                origin: .transport
            )
            abandon(failure)
            throw failure
        }
        return message
    }

    /// The peer's initial metadata; empty if it ended the call with OK without sending anything
    /// else.
    ///
    /// - Throws: the status of the call, if it ended before any response.
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

    /// Waits for the call's end and returns its status, trailing metadata and peer. It does not
    /// read messages: if the peer has more messages than fit its window, another task must read
    /// them.
    nonisolated(nonsending) package func result() async -> ClientResult {
        if let result = await state.end.wait() { return result }
        abandon(Self.cancelled)
        return state.end.value ?? ClientResult(status: Self.cancelled)
    }

    nonisolated(nonsending) package func status() async -> Status { await result().status }

    nonisolated(nonsending) package func trailers() async -> Metadata { await result().trailers }

    // MARK: Ending

    /// Ends the call with CANCELLED, here and at the peer. It has no effect after the call's end.
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
        "the caller dropped the stream",
        origin: .local
    )
}

extension ClientTransport {
    /// A stream that has ended with UNIMPLEMENTED, for transports without streams.
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

    /// A stream that has ended before it started.
    package static func failed(_ status: Status, on executor: any NodeExecutor) -> ClientStream {
        let state = ClientStreamState(
            inbox: StreamInbox(limit: 0, window: 0),
            outbox: StreamOutbox(limit: 0)
        )
        state.callFinished(ClientResult(status: status))
        return ClientStream(state: state, link: NoLink(executor: executor))
    }
}
