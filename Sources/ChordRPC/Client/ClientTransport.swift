// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordIdentity

/// The address to dial, and the peer that is expected there.
package struct PeerTarget: Hashable, Sendable {
    /// `host:port`; an IPv6 host in brackets.
    package var address: String
    /// The expected identity. Without a name, the certificate must at least hold for the host.
    package var expected: ExpectedPeer

    package init(address: String, expected: ExpectedPeer) {
        self.address = address
        self.expected = expected
    }
}

/// A unary call.
package struct ClientCall: Sendable {
    package var target: PeerTarget
    package var method: RPCMethod
    /// The request message, without its prefix.
    package var message: [UInt8]
    /// The deadline, by the clock of the call's executor. It is sent with the call.
    package var deadline: MonotonicTime
    package var metadata: Metadata
    /// Whether to open a new connection, for this call and later ones, even if there is one. TCP
    /// repeats lost bytes after waits that double, so only a new connection notices at once that
    /// the network works again.
    package var wantsNewConnection: Bool
    /// Whether the call waits until its deadline for a peer that cannot be reached now, instead of
    /// failing at once (gRPC's wait-for-ready).
    package var waitsForReady = false
    /// The encoding that may be used in both directions if it saves bytes; nil for no compression.
    package var compression: MessageEncoding?

    package init(
        target: PeerTarget,
        method: RPCMethod,
        message: [UInt8],
        deadline: MonotonicTime,
        metadata: Metadata = [],
        wantsNewConnection: Bool = false,
        compression: MessageEncoding? = nil
    ) {
        self.target = target
        self.method = method
        self.message = message
        self.deadline = deadline
        self.metadata = metadata
        self.wantsNewConnection = wantsNewConnection
        self.compression = compression
    }
}

/// The result of a call.
package struct ClientResult: Sendable {
    package var status: Status
    /// The response message, without its prefix; empty unless the status is OK.
    package var message: [UInt8]
    package var trailers: Metadata
    /// The peer's identity; nil if no connection was opened.
    package var peer: PeerIdentity?
    /// The number of the connection that the call used, if any. Later connections have higher
    /// numbers.
    package var connection: UInt64?
    /// Whether the peer may have received the request: a failed call may then have had its effect. Callers
    /// that watch a call set it; transports do not.
    package var mayHaveReachedPeer = false

    package init(
        status: Status,
        message: [UInt8] = [],
        trailers: Metadata = [],
        peer: PeerIdentity? = nil
    ) {
        self.status = status
        self.message = message
        self.trailers = trailers
        self.peer = peer
    }
}

/// The observer of a call. Its methods run on the call's executor, in order; `callFinished` is
/// called exactly once, as the last.
package protocol ClientCallObserver: AnyObject, Sendable {
    /// The request was sent on an open connection.
    func callSent()
    /// The peer's response headers have arrived: it has accepted the call.
    func callAccepted(_ metadata: Metadata)
    func callFinished(_ result: ClientResult)
}

extension ClientCallObserver {
    package func callSent() {}
    package func callAccepted(_ metadata: Metadata) {}
}

/// A running call.
package protocol ClientCallHandle: AnyObject, Sendable {
    /// Ends the call with CANCELLED, here and at the peer. It has no effect after the call's end.
    func cancel()
}

/// Makes calls to peers: over the network, within the process, or in a simulation.
package protocol ClientTransport: AnyObject, Sendable {
    /// Starts a unary call. Call it on `executor` only. It never calls back before it returns.
    @discardableResult
    func start(
        _ call: ClientCall,
        on executor: any NodeExecutor,
        observer: any ClientCallObserver
    ) -> any ClientCallHandle

    /// Opens a streaming call. It may be called on any thread; the call uses the clock and the
    /// connections of `executor`.
    func openStream(_ call: ClientStreamCall, on executor: any NodeExecutor) -> ClientStream

    /// The peer was heard from: reset its dial backoff.
    func resetBackoff(of address: String)
}
