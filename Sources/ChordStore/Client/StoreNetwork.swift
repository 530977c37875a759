// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordIdentity
package import ChordRPC
package import ChordRuntime

/// What a client of the store needs of its ring.
package protocol StoreNetwork: Sendable {
    /// The executor of calls, with the clock of deadlines.
    var executor: any NodeExecutor { get }
    /// The client's own nodes, which forward what the client cannot send itself.
    var contacts: [PeerTarget] { get }

    /// The ring's rule for the identifiers of keys.
    func keyHash() async throws(ChordError) -> RingClient.KeyHash

    /// Calls a node. A cancelled task gets the status `cancelled` at once.
    func call(
        _ method: RPCMethod,
        at target: PeerTarget,
        _ message: [UInt8],
        timeout: Duration
    ) async -> ClientResult

    /// Opens a stream of changes at a node (``StoreMethods/watch``).
    func watch(
        _ target: PeerTarget,
        _ message: [UInt8]
    ) async throws(Status) -> any WatchSource

    /// Runs an operation unless the client is closed. Closing waits for the operation.
    ///
    /// - Throws: `stopped` if the client is closed.
    func whileOpen<Answer>(
        _ body: () async throws(ChordError) -> Answer
    ) async throws(ChordError) -> Answer
}

/// The store of a ring that is reached through a ``RingClient``.
package struct RingStoreNetwork: StoreNetwork {
    private let ring: RingClient
    private let peers: PeerCalls
    package let contacts: [PeerTarget]

    package init(_ ring: RingClient) {
        self.ring = ring
        peers = ring.makePeers()
        contacts = ring.contacts.map { PeerTarget(bootstrap: $0) }
    }

    package var executor: any NodeExecutor { ring.executor }

    package func keyHash() async throws(ChordError) -> RingClient.KeyHash {
        try await ring.keyHash()
    }

    package func call(
        _ method: RPCMethod,
        at target: PeerTarget,
        _ message: [UInt8],
        timeout: Duration
    ) async -> ClientResult {
        await peers.call(method, at: target, message: message, timeout: timeout, on: ring.executor)
    }

    package func watch(
        _ target: PeerTarget,
        _ message: [UInt8]
    ) async throws(Status) -> any WatchSource {
        try await ring.transport.openWatch(target, message, on: ring.executor)
    }

    package func whileOpen<Answer>(
        _ body: () async throws(ChordError) -> Answer
    ) async throws(ChordError) -> Answer {
        try await ring.whileOpen(body)
    }
}

extension ClientTransport {
    /// Opens a stream of changes at a node.
    func openWatch(
        _ target: PeerTarget,
        _ message: [UInt8],
        on executor: any NodeExecutor
    ) async throws(Status) -> ClientStream {
        let stream = openStream(
            ClientStreamCall(target: target, method: StoreMethods.watch, deadline: nil),
            on: executor
        )
        try await stream.send(message)
        stream.finishSending()
        return stream
    }
}

extension PeerTarget {
    /// The node that holds a replica.
    init(storeNode name: String, address: String) {
        self.init(
            address: address,
            expected: ExpectedPeer(name: name, host: NetworkAddress.host(of: address))
        )
    }
}
