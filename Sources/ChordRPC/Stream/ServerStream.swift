// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordIdentity
import NIOConcurrencyHelpers

/// Handles a streaming call. It runs as a task and ends the call by returning its trailing metadata
/// or throwing a status. The task is cancelled if the call ends first.
package typealias StreamHandler =
    @Sendable (_ stream: ServerStream) async throws(Status) -> Metadata

/// The handler's side of a streaming call. It may be used on any thread.
public final class ServerStream: MessageSource {
    private struct State {
        var trailers = Metadata()
        var task: Task<Void, Never>?
        var isOver = false
        var isCompressing: Bool
        /// The response headers are sent, and name the encoding of the messages.
        var hasStarted = false
    }

    /// The called method.
    public let method: RPCMethod
    /// The caller's identity.
    public let peer: PeerIdentity
    /// The caller's metadata.
    package let metadata: Metadata
    /// The caller's deadline, by `executor`'s clock; nil without one.
    package let deadline: MonotonicTime?
    package let inbox: StreamInbox
    package let outbox: StreamOutbox
    /// The encoding that the caller accepts; nil for none.
    private let accepted: MessageEncoding?
    private let link: any StreamLink
    private let state: NIOLockedValueBox<State>

    /// - Parameters:
    ///   - accepted: The encoding that the caller accepts, if any.
    ///   - isCompressing: Whether messages are compressed if the handler does not decide.
    package init(
        method: RPCMethod,
        peer: PeerIdentity,
        metadata: Metadata,
        deadline: MonotonicTime?,
        inbox: StreamInbox,
        outbox: StreamOutbox,
        link: any StreamLink,
        accepted: MessageEncoding? = nil,
        isCompressing: Bool = false
    ) {
        self.method = method
        self.peer = peer
        self.metadata = metadata
        self.deadline = deadline
        self.inbox = inbox
        self.outbox = outbox
        self.link = link
        self.accepted = accepted
        state = NIOLockedValueBox(State(isCompressing: isCompressing))
    }

    /// The executor of the connection.
    package var executor: any NodeExecutor { link.executor }

    // MARK: The handler's side

    /// The caller's messages, until its half-close.
    package var requests: MessageSequence { MessageSequence(source: self) }

    /// The next message of the caller; nil after it has ended its messages.
    ///
    /// - Throws: the status of the call, or the problem with the message.
    nonisolated(nonsending) public func nextMessage() async throws(Status) -> [UInt8]? {
        try await inbox.next(clock: link.executor) { [link] bytes in
            link.executor.runOrExecute { link.returnCredit(bytes) }
        }
    }

    /// Sends the response headers now, with metadata. Without this call they are sent before the
    /// first message. It has no effect after the first message.
    ///
    /// - Parameter compressing: Whether messages are compressed if the caller accepts it and it
    ///   saves bytes; nil for the server's configuration.
    package func sendHeaders(
        _ metadata: Metadata = [],
        compressing: Bool? = nil
    ) throws(Status) {
        state.withLockedValue { state in
            if !state.hasStarted, let compressing { state.isCompressing = compressing }
            state.hasStarted = true
        }
        try outbox.put(.headers(metadata), for: link)
    }

    /// Sends a message once the caller has room for it.
    ///
    /// - Parameter compressing: False to send this message uncompressed in a call with compression.
    ///   The compressed length reveals something about the content.
    /// - Throws: the status of the call if it has ended; CANCELLED if the task is cancelled.
    nonisolated(nonsending) public func send(
        _ message: [UInt8],
        compressing: Bool = true
    ) async throws(Status) {
        try await outbox.waitForRoom()
        let encoding = begin()
        let framed = MessageFraming.frame(message, encoding: compressing ? encoding : nil)
        try outbox.put(.message(framed), for: link)
    }

    private func begin() -> MessageEncoding? {
        state.withLockedValue { state in
            state.hasStarted = true
            return state.isCompressing ? accepted : nil
        }
    }

    /// Adds trailing metadata, which is sent with any status.
    package func addTrailers(_ metadata: Metadata) {
        state.withLockedValue { $0.trailers.entries += metadata.entries }
    }

    // MARK: The transport's side

    /// The encoding of the messages, for the response headers.
    package var encoding: MessageEncoding? {
        state.withLockedValue { $0.isCompressing } ? accepted : nil
    }

    /// Runs the handler as a task on `executor`.
    package func start(_ handler: @escaping StreamHandler, on executor: any NodeExecutor) {
        let task = Task(executorPreference: executor) {
            do throws(Status) {
                self.end(.ok, try await handler(self))
            } catch {
                self.end(error, [])
            }
        }
        let isOver = state.withLockedValue { state in
            state.task = task
            return state.isOver
        }
        if isOver { task.cancel() }
    }

    private func end(_ status: Status, _ trailers: Metadata) {
        let earlier = state.withLockedValue { $0.trailers }
        let all = Metadata(earlier.entries + trailers.entries)
        // If the call is already over, no task waits for its end.
        try? outbox.put(.finish(status, all), for: link)
    }

    /// The call is over, with or without the handler. The handler can no longer read or write, and
    /// is cancelled if it still runs.
    package func callEnded(_ status: Status) {
        let task = state.withLockedValue { state in
            state.isOver = true
            return state.task.take()
        }
        let failure =
            status.isOK ? Status(.failedPrecondition, "the call has ended", origin: .local) : status
        outbox.close(failure)
        inbox.abort(failure)
        task?.cancel()
    }
}
