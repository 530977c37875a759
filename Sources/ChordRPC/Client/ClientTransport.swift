// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordIdentity

/// Whom to dial, and whom to expect there.
package struct PeerTarget: Hashable, Sendable {
    /// `host:port`; an IPv6 host in brackets.
    package var address: String
    /// What the certificate must say. Without a name, it must at least be valid for the host.
    package var expected: ExpectedPeer

    package init(address: String, expected: ExpectedPeer) {
        self.address = address
        self.expected = expected
    }
}

/// A unary call to make.
package struct ClientCall: Sendable {
    package var target: PeerTarget
    package var method: RPCMethod
    /// The request's message, not framed.
    package var message: [UInt8]
    /// When to give up, on the clock of the executor that the call is made on. It travels along.
    package var deadline: MonotonicTime
    package var metadata: Metadata
    /// Whether to dial for it, and for the calls after it, even where there is a connection. What TCP has
    /// lost it sends again after waits that double; a way that works again is found at once by a new
    /// connection only.
    package var wantsNewConnection: Bool
    /// Whether the call waits for a peer that cannot be reached now, until its deadline, instead of
    /// failing at once (gRPC's wait-for-ready).
    package var waitsForReady = false
    /// How the request is compressed where it pays, and the answer may be; nil for not at all.
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

/// How a call ended.
package struct ClientResult: Sendable {
    package var status: Status
    /// The answer's message, not framed; empty unless the status is OK.
    package var message: [UInt8]
    package var trailers: Metadata
    /// Who answered, as its certificate says; nil where no connection came about.
    package var peer: PeerIdentity?
    /// The connection that the call went over, where there was one: a later one has a higher number.
    package var connection: UInt64?

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

/// A call's caller. Its methods run on the executor that the call was made on, in order, and
/// `callFinished` exactly once and last.
package protocol ClientCallObserver: AnyObject, Sendable {
    /// The request has left on an open connection.
    func callSent()
    /// The peer's response headers are here: it has accepted the call.
    func callAccepted(_ metadata: Metadata)
    func callFinished(_ result: ClientResult)
}

extension ClientCallObserver {
    package func callSent() {}
    package func callAccepted(_ metadata: Metadata) {}
}

/// A call under way.
package protocol ClientCallHandle: AnyObject, Sendable {
    /// Ends the call with CANCELLED, here and at the peer. After its end it does nothing.
    func cancel()
}

/// Makes calls to peers: over the network, in process, or simulated.
package protocol ClientTransport: AnyObject, Sendable {
    /// Starts a unary call. May be called on `executor` only; it never calls back before it returns.
    @discardableResult
    func start(
        _ call: ClientCall,
        on executor: any NodeExecutor,
        observer: any ClientCallObserver
    ) -> any ClientCallHandle

    /// Opens a call with streams of messages. May be called anywhere; `executor` says whose clock and
    /// connections the call uses.
    func openStream(_ call: ClientStreamCall, on executor: any NodeExecutor) -> ClientStream

    /// A peer was heard from: whatever keeps us from dialling it ends now.
    func resetBackoff(of address: String)
}
