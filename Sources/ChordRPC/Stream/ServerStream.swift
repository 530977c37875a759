// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordIdentity
import NIOConcurrencyHelpers

/// Answers a call whose messages come and go one after the other. It runs as a task, ends the call by
/// returning its trailing metadata or throwing a status, and is cancelled when the call ends without it.
package typealias StreamHandler =
    @Sendable (_ stream: ServerStream) async throws(Status) -> Metadata

/// A call with streams of messages as its handler sees it. It may be used from any thread.
package final class ServerStream: MessageSource {
    private struct State {
        var trailers = Metadata()
        var task: Task<Void, Never>?
        var isOver = false
        var isCompressing: Bool
        /// The response headers are on their way, and say how the messages come.
        var hasBegun = false
    }

    package let method: RPCMethod
    /// Who calls, as its certificate says.
    package let peer: PeerIdentity
    /// What the caller's application sent along.
    package let metadata: Metadata
    /// When the caller stops waiting, on `executor`'s clock; nil where it did not say.
    package let deadline: MonotonicTime?
    package let inbox: StreamInbox
    package let outbox: StreamOutbox
    /// How the caller reads compressed messages; nil where it does not.
    private let accepted: MessageEncoding?
    private let link: any StreamLink
    private let state: NIOLockedValueBox<State>

    /// - Parameters:
    ///   - accepted: How the caller reads compressed messages, if it does.
    ///   - isCompressing: Whether they are compressed unless the handler says otherwise.
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

    /// The caller's messages, up to its half-close.
    package var requests: MessageSequence { MessageSequence(source: self) }

    /// The next of the caller's messages; nil once it has ended them.
    ///
    /// - Throws: how the call ended, or what is wrong with the message.
    nonisolated(nonsending) package func nextMessage() async throws(Status) -> [UInt8]? {
        try await inbox.next(clock: link.executor) { [link] bytes in
            link.executor.runOrExecute { link.returnCredit(bytes) }
        }
    }

    /// Sends the response headers now, with metadata. Without it they go ahead of the first message,
    /// and behind that it does nothing.
    ///
    /// - Parameter compressing: Whether messages are compressed where the caller accepts it and it pays;
    ///   nil is for what the server's configuration says.
    package func sendHeaders(
        _ metadata: Metadata = [],
        compressing: Bool? = nil
    ) throws(Status) {
        state.withLockedValue { state in
            if !state.hasBegun, let compressing { state.isCompressing = compressing }
            state.hasBegun = true
        }
        try outbox.put(.headers(metadata), for: link)
    }

    /// Sends a message, once the caller has room for it.
    ///
    /// - Parameter compressing: False for a message that goes as it is where the call's others are
    ///   compressed: how short a message becomes tells of what is in it.
    /// - Throws: how the call ended, where it has; CANCELLED where the task is cancelled.
    nonisolated(nonsending) package func send(
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
            state.hasBegun = true
            return state.isCompressing ? accepted : nil
        }
    }

    /// Adds metadata that goes with the call's status, whatever that will be.
    package func addTrailers(_ metadata: Metadata) {
        state.withLockedValue { $0.trailers.entries += metadata.entries }
    }

    // MARK: The transport's side

    /// How the messages may be compressed, for the response headers.
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
        // Where the call is over already nobody waits for its end.
        try? outbox.put(.finish(status, all), for: link)
    }

    /// The call is over, with or without the handler: it can neither read nor write any more, and
    /// where it still runs it is cancelled.
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
