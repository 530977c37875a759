// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordIdentity
package import ChordRPC
package import ChordRuntime
import ChordWire
import NIOConcurrencyHelpers

/// The store as a service of a node: `chord.v1.StoreService` for clients, `chord.v1.StorePeerService` for other
/// nodes.
package final class StoreService: HoldingService {
    private let setup: StoreSetup
    private let server = NIOLockedValueBox<StoreServer?>(nil)

    package init(_ setup: StoreSetup) {
        self.setup = setup
    }

    package var methods: [ServiceMethod] { clientMethods + peerMethods + adminMethods }

    nonisolated(nonsending) package func start(_ node: NodeContext) async throws {
        let server = StoreServer(node, setup: setup)
        self.server.withLockedValue { $0 = server }
        try await server.start()
    }

    package func placeWillChange(_ change: PlaceChange) {
        guard change.to.isMember, !change.from.isMember else { return }
        current?.assumeIsolated { $0.ringJoined() }
    }

    nonisolated(nonsending) package func nodeWillLeave(within allowance: Duration) async {
        await current?.handOver(within: allowance)
    }

    nonisolated(nonsending) package func moveAway() async throws(Status) {
        try await current?.moveAway()
    }

    nonisolated(nonsending) package func stop() async {
        await current?.close()
    }

    /// The server, while the node runs.
    var current: StoreServer? { server.withLockedValue { $0 } }

    /// Runs `body` on the node's executor with the decoded request, or refuses the call.
    func method<Request: WireMessage>(
        _ method: RPCMethod,
        _ body:
            @escaping @Sendable (isolated StoreServer, Request, StoreCaller, Responder) -> Void
    ) -> ServiceMethod {
        ServiceMethod(method) { [self] bytes, call in
            guard let server = current else {
                return .failed(Status(.unavailable, "the node has not started yet"))
            }
            let request: Request
            do throws(WireError) {
                request = try Request(decoding: bytes, space: server.space)
            } catch {
                return .failed(Status(.invalidArgument, "\(error)"))
            }
            let caller = StoreCaller(call.peer, deadline: call.deadline)
            let responder = call.makeResponder()
            server.executor.runOrExecute {
                server.assumeIsolated { body($0, request, caller, responder) }
            }
            return .deferred
        }
    }
}

/// Who calls, and until when.
struct StoreCaller: Sendable {
    /// The peer of the connection.
    let peer: PeerIdentity
    /// When the caller stops waiting; nil if it set no deadline.
    let deadline: MonotonicTime?

    init(_ peer: PeerIdentity, deadline: MonotonicTime?) {
        self.peer = peer
        self.deadline = deadline
    }

    /// A call of this peer, or one that it passes on.
    func access(_ method: RPCMethod, _ route: WireRoute) -> Access {
        guard let first = route.caller else { return Access(method, by: peer) }
        return Access(method, by: PolicySubject(first), via: peer)
    }
}
