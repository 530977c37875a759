// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordRPC

/// The client connection's side of a streaming call.
///
/// Confined to its client's event loop, which makes `@unchecked Sendable` true; debug builds assert
/// it.
final class ClientStreamFlow: StreamLink, @unchecked Sendable {
    /// How many sent bytes are kept to retry a call that the peer refuses without processing it.
    private static let replayBytes = 64 << 10

    let executor: any NodeExecutor
    private let state: ClientStreamState
    /// Weak, because the call holds a reference to this object.
    weak var call: NetworkCall?
    /// The end of our messages was given to the session.
    private(set) var hasEnded = false
    /// All that was sent, while the call may have to be retried.
    private var sent: [[UInt8]] = []
    private var sentBytes = 0
    private(set) var isReplayable = true

    init(state: ClientStreamState, executor: any NodeExecutor) {
        self.state = state
        self.executor = executor
    }

    // MARK: Requests

    /// The call has its stream.
    func opened(in session: HTTP2Session) {
        assert(executor.isCurrent)
        guard let call else { return }
        for framed in sent { Self.send(framed, call.stream, session) }
        if hasEnded { Self.end(call.stream, session) }
        sendWaiting(call, session)
    }

    private func sendWaiting(_ call: NetworkCall, _ session: HTTP2Session) {
        guard let connection = call.connection else { return }
        while let item = state.outbox.take(where: { count in
            session.isWritable(stream: call.stream)
                && connection.room.admits(count, of: self, in: session)
        }) {
            switch item {
            case .message(let framed):
                Self.send(framed, call.stream, session)
                remember(framed)
            case .endOfMessages:
                hasEnded = true
                Self.end(call.stream, session)
            case .headers, .finish: break
            }
        }
    }

    private static func send(_ framed: [UInt8], _ stream: Int32, _ session: HTTP2Session) {
        framed.withUnsafeBytes { _ = session.send($0, on: stream) }
    }

    private static func end(_ stream: Int32, _ session: HTTP2Session) {
        session.send(UnsafeRawBufferPointer(start: nil, count: 0), on: stream, endStream: true)
    }

    private func remember(_ framed: [UInt8]) {
        guard isReplayable else { return }
        sentBytes += framed.count
        guard sentBytes <= Self.replayBytes else { return forget() }
        sent.append(framed)
    }

    private func forget() {
        isReplayable = false
        sent = []
    }

    // MARK: Answers

    /// The peer has begun to answer: the call will not be retried.
    func accepted(_ encoding: MessageEncoding?) {
        if let encoding { state.inbox.setEncoding(encoding) }
        forget()
    }

    func receive(_ bytes: UnsafeRawBufferPointer, _ session: HTTP2Session) {
        assert(executor.isCurrent)
        guard let call else { return }
        session.consume(state.inbox.append(bytes), on: call.stream)
    }

    /// The call leaves the connection: bytes that are not read no longer count against its window.
    func leave(_ session: HTTP2Session) {
        assert(executor.isCurrent)
        session.consumeConnection(state.inbox.takeOutstanding())
    }

    // MARK: The link

    func outputWaits() {
        assert(executor.isCurrent)
        guard let call, let connection = call.connection, let session = connection.session else {
            return
        }
        sendWaiting(call, session)
        connection.scheduleFlush()
    }

    func returnCredit(_ bytes: Int) {
        assert(executor.isCurrent)
        guard let call, let connection = call.connection, let session = connection.session else {
            return
        }
        session.consume(bytes, on: call.stream)
        connection.scheduleFlush()
    }

    func abandon(_ status: Status) {
        call?.abandon(status, isLater: true)
    }
}
