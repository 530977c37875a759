// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordRPC

/// The connection's side of a streaming call.
///
/// Confined to the connection's event loop, which makes `@unchecked Sendable` true; debug builds assert
/// it.
final class ServerStreamFlow: StreamLink, @unchecked Sendable {
    let id: Int32
    let executor: any NodeExecutor
    /// Nil once the call has ended, and so is `stream`, which holds a reference to this object.
    private var connection: ServerConnection?
    private(set) var stream: ServerStream?
    /// The client has ended its side.
    private(set) var isRequestComplete = false

    init(id: Int32, connection: ServerConnection) {
        self.id = id
        self.connection = connection
        executor = connection.executor
    }

    func begin(_ stream: ServerStream) {
        self.stream = stream
    }

    // MARK: Requests

    func receive(_ bytes: UnsafeRawBufferPointer, _ endStream: Bool, _ session: HTTP2Session) {
        assert(executor.isCurrent)
        if let stream {
            giveBack(stream.inbox.append(bytes), to: session)
        } else {
            giveBack(bytes.count, to: session)
        }
        if endStream { endRequests() }
    }

    /// Bytes that have arrived and that the handler has not read.
    var unreadBytes: Int { stream?.inbox.unreadBytes ?? 0 }

    /// Whether the message that the method needs for its answer is still missing: the only request,
    /// or the first of many. A call that waits for it holds a task and a place, and costs its
    /// caller nothing.
    var awaitsRequest: Bool {
        guard let stream, !isRequestComplete else { return false }
        return switch stream.method.kind {
        case .unary, .serverStreaming: true
        case .clientStreaming, .bidirectional: !stream.inbox.hasReceivedMessage
        }
    }

    func endRequests() {
        isRequestComplete = true
        stream?.inbox.finish(nil)
    }

    private func giveBack(_ bytes: Int, to session: HTTP2Session) {
        guard bytes > 0 else { return }
        // A stream that sends no more needs no window of its own.
        if isRequestComplete {
            session.consumeConnection(bytes)
        } else {
            session.consume(bytes, on: id)
        }
    }

    // MARK: The link

    func outputWaits() {
        assert(executor.isCurrent)
        connection?.sendWaiting(of: self)
    }

    func returnCredit(_ bytes: Int) {
        assert(executor.isCurrent)
        guard let connection, let session = connection.session else { return }
        giveBack(bytes, to: session)
        connection.scheduleFlush()
    }

    func abandon(_ status: Status) {
        assert(executor.isCurrent)
        connection?.abandon(self, status)
    }

    /// The call has ended: tells the handler, if it still runs.
    func end(_ status: Status) {
        assert(executor.isCurrent)
        guard let stream else { return }
        self.stream = nil
        if let session = connection?.session {
            session.consumeConnection(stream.inbox.takeOutstanding())
        }
        connection = nil
        stream.callEnded(status)
    }
}
