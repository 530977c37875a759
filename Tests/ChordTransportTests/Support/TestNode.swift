// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
import ChordTLS
import ChordTestSupport
import Logging
import NIOCore
import NIOPosix

@testable import ChordTransport

/// The loops that all tests share. Two, so that what must not hop is seen to cross when it does.
let testExecutors = EventLoopExecutors(group: MultiThreadedEventLoopGroup(numberOfThreads: 2))

/// One node's transport: a server on a port of the kernel's choice, and a client.
final class TestNode: Sendable {
    let server: GRPCServer
    let client: NetworkTransport
    let context: TLSContext
    let source: TLSContextSource

    init(
        _ context: TLSContext,
        configuration: TransportConfiguration = TransportConfiguration(),
        executors: EventLoopExecutors = testExecutors
    ) {
        self.context = context
        source = TLSContextSource(context)
        let log = TransportLog(
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            failuresPerSecond: 10
        )
        let metrics = ChordTransportMetrics()
        server = GRPCServer(
            tls: source,
            executors: executors,
            configuration: configuration,
            log: log,
            metrics: metrics
        )
        client = NetworkTransport(
            tls: source,
            executors: executors,
            configuration: configuration,
            log: log,
            metrics: metrics
        )
    }

    /// Serves `router` until the end of `body`, then stops server and client.
    static func serving<R: Sendable>(
        _ router: Router,
        as context: TLSContext,
        configuration: TransportConfiguration = TransportConfiguration(),
        host: String = "127.0.0.1",
        _ body: @Sendable (TestNode, _ address: String) async throws -> R
    ) async throws -> R {
        let node = TestNode(context, configuration: configuration)
        try await node.server.bind(host: host, port: 0)
        try await node.server.serve(router)
        let address = node.server.localAddresses[0].description
        do {
            let result = try await body(node, address)
            await node.stop()
            return result
        } catch {
            await node.stop()
            throw error
        }
    }

    /// A client for the time of `body`.
    static func calling<R: Sendable>(
        as context: TLSContext,
        configuration: TransportConfiguration = TransportConfiguration(),
        executors: EventLoopExecutors = testExecutors,
        _ body: @Sendable (NetworkTransport) async throws -> R
    ) async throws -> R {
        let node = TestNode(context, configuration: configuration, executors: executors)
        do {
            let result = try await body(node.client)
            await node.stop()
            return result
        } catch {
            await node.stop()
            throw error
        }
    }

    func stop() async {
        await client.shutdown(grace: .milliseconds(500))
        await server.shutdown(grace: .milliseconds(500))
    }
}

extension GRPCServer {
    /// Waits until no connection is left; not at all if there is none.
    func untilNoConnectionIsLeft() async throws {
        let isEmpty = Watched(false)
        shared.connections.whenEmpty { isEmpty.withLockedValue { $0 = true } }
        try await isEmpty.until { $0 }
    }
}
