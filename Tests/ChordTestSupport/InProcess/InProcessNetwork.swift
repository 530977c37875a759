// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordIdentity
package import ChordRPC
import NIOConcurrencyHelpers

/// A network inside one process, for tests: the transport protocols of ChordRPC with the same checks of
/// identities, and without sockets and TLS.
package final class InProcessNetwork: Sendable {
    struct Endpoint: Sendable {
        let router: Router
        let identity: PeerIdentity
        let executor: any NodeExecutor
    }

    private let endpoints = NIOLockedValueBox<[String: Endpoint]>([:])

    package init() {}

    /// Serves `router` at `address` until `close(address:)`.
    package func listen(
        address: String,
        router: Router,
        identity: PeerIdentity,
        executor: any NodeExecutor
    ) {
        let endpoint = Endpoint(router: router, identity: identity, executor: executor)
        endpoints.withLockedValue { $0[address] = endpoint }
    }

    /// Ends serving at `address`: calls to it fail from now on as if nothing listened there.
    package func close(address: String) {
        endpoints.withLockedValue { $0[address] = nil }
    }

    /// A client of the network that calls as `identity`.
    package func transport(identity: PeerIdentity) -> any ClientTransport {
        InProcessTransport(network: self, identity: identity)
    }

    func endpoint(at address: String) -> Endpoint? {
        endpoints.withLockedValue { $0[address] }
    }
}

final class InProcessTransport: ClientTransport {
    private let network: InProcessNetwork
    private let identity: PeerIdentity

    init(network: InProcessNetwork, identity: PeerIdentity) {
        self.network = network
        self.identity = identity
    }

    func resetBackoff(of address: String) {}

    func openStream(
        _ call: ClientStreamCall,
        on executor: any NodeExecutor
    ) -> ClientStream {
        guard let endpoint = network.endpoint(at: call.target.address) else {
            let failure = "nothing listens at \(call.target.address)"
            return .failed(Status(.unavailable, failure, origin: .transport), on: executor)
        }
        do throws(IdentityError) {
            try call.target.expected.verify(endpoint.identity, presentedBy: call.target.address)
        } catch {
            return .failed(Status(.unavailable, "\(error)", origin: .transport), on: executor)
        }
        return InProcessStream.open(call, from: executor, as: identity, to: endpoint)
    }

    func start(
        _ call: ClientCall,
        on executor: any NodeExecutor,
        observer: any ClientCallObserver
    ) -> any ClientCallHandle {
        let running = InProcessCall(observer: observer, caller: executor)
        running.startDeadline(call.deadline)
        guard let endpoint = network.endpoint(at: call.target.address) else {
            running.finishLater(
                .init(
                    status: Status(
                        .unavailable,
                        "nothing listens at \(call.target.address)",
                        origin: .transport,
                        reason: .nothingListens
                    )
                )
            )
            return running
        }
        do throws(IdentityError) {
            try call.target.expected.verify(
                endpoint.identity,
                presentedBy: call.target.address
            )
        } catch {
            running.finishLater(
                .init(status: Status(.unavailable, "\(error)", origin: .transport))
            )
            return running
        }
        // The two clocks may differ; what travels is the time that is left.
        let remaining = call.deadline - executor.now
        let caller = identity
        running.attach(peer: endpoint.identity, executor: endpoint.executor)
        endpoint.executor.execute {
            running.serve(
                call,
                by: endpoint.router,
                as: caller,
                deadline: endpoint.executor.now + remaining
            )
        }
        return running
    }
}
