// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
package import ChordRPC
package import ChordTLS
import NIOConcurrencyHelpers
import NIOCore

/// Makes calls to peers over gRPC, HTTP/2 and mutual TLS.
///
/// Connections belong to event loops: a call made on a loop's executor uses, or dials, a connection
/// of that loop, so that a lookup that is forwarded from one connection to another never leaves its
/// thread. A peer that is called from every loop thus has a connection on each, which costs a
/// handshake each and about 60 KiB.
package final class NetworkTransport: ClientTransport {
    let clients: [EventLoopClient]
    private let byExecutor: [ObjectIdentifier: EventLoopClient]
    private let losses: ConnectionLosses<String>
    private let turn = NIOLockedValueBox(0)

    package init(
        tls: TLSContextSource,
        executors: EventLoopExecutors,
        configuration: TransportConfiguration,
        log: TransportLog,
        metrics: ChordTransportMetrics
    ) {
        let losses = ConnectionLosses<String>()
        self.losses = losses
        let clients = executors.all.map { executor in
            EventLoopClient(
                executor: executor,
                tls: tls,
                configuration: configuration,
                log: log,
                metrics: metrics,
                losses: losses,
                maxConnections: configuration.client.maxConnections / executors.all.count
            )
        }
        self.clients = clients
        byExecutor = Dictionary(
            uniqueKeysWithValues: clients.map { (ObjectIdentifier($0.executor), $0) }
        )
    }

    @discardableResult
    package func start(
        _ call: ClientCall,
        on executor: any NodeExecutor,
        observer: any ClientCallObserver
    ) -> any ClientCallHandle {
        if let client = byExecutor[ObjectIdentifier(executor)] {
            let running = NetworkCall(
                call,
                deadline: call.deadline,
                client: client,
                observer: observer,
                caller: nil
            )
            client.start(running)
            return running
        }
        // A caller on another executor is served by each loop in turn, and called back on its executor.
        // The two clocks may differ, so the remaining time is passed on.
        let client = nextClient()
        let running = NetworkCall(
            call,
            deadline: client.executor.now + (call.deadline - executor.now),
            client: client,
            observer: observer,
            caller: executor
        )
        client.executor.execute { client.start(running) }
        return running
    }

    package func openStream(
        _ call: ClientStreamCall,
        on executor: any NodeExecutor
    ) -> ClientStream {
        let client = byExecutor[ObjectIdentifier(executor)] ?? nextClient()
        let configuration = client.configuration
        let state = ClientStreamState(
            inbox: StreamInbox(
                limit: configuration.receiveLimitBytes,
                window: Int(configuration.limits.initialStreamWindow)
            ),
            outbox: StreamOutbox(limit: StreamRoom.messageLimit(configuration.limits))
        )
        let flow = ClientStreamFlow(state: state, executor: client.executor)
        let running = NetworkCall(
            ClientCall(
                target: call.target,
                method: call.method,
                message: [],
                deadline: call.deadline ?? .distantFuture,
                metadata: call.metadata,
                compression: call.compression
            ),
            deadline: call.deadline.map { client.executor.now + ($0 - executor.now) }
                ?? .distantFuture,
            client: client,
            // The state may be used from any thread, so nothing hops.
            observer: state,
            caller: nil,
            flow: flow
        )
        flow.call = running
        client.executor.runOrExecute { client.start(running) }
        return ClientStream(state: state, link: flow, compression: call.compression)
    }

    private func nextClient() -> EventLoopClient {
        clients[
            turn.withLockedValue { turn in
                turn = (turn + 1) % clients.count
                return turn
            }
        ]
    }

    /// Calls `handler` with a peer's address, on the connection's loop, whenever a connection that was in
    /// use ends without notice. After a crash of the peer's process this is the first sign, within
    /// milliseconds.
    package func onConnectionLoss(_ handler: @escaping @Sendable (String) -> Void) {
        losses.setHandler(handler)
    }

    package func resetBackoff(of address: String) {
        for client in clients {
            client.executor.runOrExecute { client.resetBackoff(of: address) }
        }
    }

    /// Ends the transport: no new calls; those under way may finish for as long as `grace`; then
    /// all connections close.
    package func shutdown(grace: Duration) async {
        let endings = clients.map { client in
            let promise = client.executor.eventLoop.makePromise(of: Void.self)
            client.executor.runOrExecute {
                client.shutdown(grace: grace) { promise.succeed() }
            }
            return promise.futureResult
        }
        for ending in endings { try? await ending.get() }
    }
}
