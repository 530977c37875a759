// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordIdentity

/// The values that all calls of one connection share. A class, so that a call carries one reference
/// and not a copy of everything known about its peer.
package final class ServerCallContext: Sendable {
    package let peer: PeerIdentity
    /// The peer's, asked for by every call: a copy of the whole identity would cost more.
    package let role: Role
    package let executor: any NodeExecutor
    let sink: any ResponseSink

    package init(peer: PeerIdentity, executor: any NodeExecutor, sink: any ResponseSink) {
        self.peer = peer
        role = peer.role
        self.executor = executor
        self.sink = sink
    }
}

/// A call as its handler sees it, with the place for its answer.
package struct ServerCall {
    /// When the caller stops waiting, on `executor`'s clock; nil if it set no deadline.
    package let deadline: MonotonicTime?
    /// The metadata of the caller's application.
    package let metadata: Metadata
    /// The answer's message, without framing. A handler that returns `.replied` has appended it
    /// here. Bytes that were in it before belong to the transport and must stay.
    package var reply: [UInt8]

    let context: ServerCallContext
    private let stream: Int32

    package init(
        deadline: MonotonicTime?,
        metadata: Metadata,
        reply: consuming [UInt8],
        context: ServerCallContext,
        stream: Int32
    ) {
        self.deadline = deadline
        self.metadata = metadata
        self.reply = reply
        self.context = context
        self.stream = stream
    }

    /// The caller, as its certificate names it.
    package var peer: PeerIdentity { context.peer }

    /// The executor of the connection. The handler runs on it, and so does all that is called back.
    package var executor: any NodeExecutor { context.executor }

    /// Takes the duty to answer out of the handler's run. The handler then returns `.deferred`.
    package func makeResponder() -> Responder {
        let responder = Responder(
            state: DeferredCall(),
            executor: context.executor,
            sink: context.sink,
            stream: stream
        )
        context.sink.callDeferred(stream: stream, call: responder.state)
        return responder
    }
}

/// How a handler left its call.
package enum HandlerOutcome: Sendable {
    /// Answered: the message stands in `ServerCall.reply`.
    case replied
    /// Refused or failed.
    case failed(Status)
    /// Answered later through the `Responder` that the handler took.
    case deferred
}

/// The connection's end of calls. Every method is called on the connection's executor; a stream that
/// is gone is passed over in silence.
package protocol ResponseSink: AnyObject, Sendable {
    /// The handler took a responder for the call; `call` hears of its cancellation.
    func callDeferred(stream: Int32, call: DeferredCall)
    /// Send the response headers now: the call is accepted.
    func acceptCall(stream: Int32)
    /// Send the answer, or a failure without one.
    func finishCall(stream: Int32, status: Status, message: [UInt8]?, trailers: Metadata)
}
