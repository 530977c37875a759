// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordIdentity
package import ChordRPC
package import ChordTLS
import CoreMetrics
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// Serves gRPC calls over HTTP/2 over mutual TLS.
///
/// `bind` opens the listening sockets, `serve` starts accepting. In between, a node learns its port and
/// makes its router; early connections wait in the kernel's queue. Accepted connections are distributed
/// over the group's event loops and stay there.
package final class GRPCServer: Sendable {
    private enum Phase {
        case new
        case binding
        case bound
        case serving
        case stopped
    }

    private struct State {
        var phase = Phase.new
        var listeners: [any Channel] = []
        var router = Router()
        var callCounters: [Counter] = []
    }

    private let tls: TLSContextSource
    private let executors: EventLoopExecutors
    let shared: ServerShared
    private let handshakeThreads: HandshakeThreads
    private let state = NIOLockedValueBox(State())

    package init(
        tls: TLSContextSource,
        executors: EventLoopExecutors,
        configuration: TransportConfiguration,
        log: TransportLog,
        metrics: ChordTransportMetrics
    ) {
        self.tls = tls
        self.executors = executors
        handshakeThreads = HandshakeThreads(count: executors.all.count)
        shared = ServerShared(
            tls: tls,
            configuration: configuration,
            log: log,
            metrics: metrics
        )
    }

    /// Where the server listens, one `host:port` for each address; empty before `bind`.
    package var localAddresses: [NetworkAddress] {
        state.withLockedValue { $0.listeners }.compactMap { NetworkAddress($0.localAddress) }
    }

    /// The port; nil before `bind`.
    package var localPort: Int? { localAddresses.first?.port }

    /// Connections open now, handshakes included.
    package var connectionCount: Int { shared.connections.count }

    /// Connections accepted since the start, including those whose handshake failed.
    package var acceptedConnections: Int { shared.connections.accepted }

    /// How often callers have reached a limit.
    package func count(of limit: TransportLimit) -> UInt64 { shared.limits.value(of: limit) }

    /// Calls `handler` with a node's identity, on a connection's loop, when the node's end of its last
    /// connection ends. This server's own closing of a connection is not reported.
    package func onCallerLoss(_ handler: @escaping @Sendable (PeerIdentity) -> Void) {
        shared.losses.setHandler(handler)
    }

    // MARK: Listening

    /// Opens the listening sockets: on every address of `host`, all with the same port. Port 0 lets
    /// the kernel choose one.
    ///
    /// - Throws: `resolveFailed`, `bindFailed`, `addressInUse`, `addressNotOurs`, `portReserved`, or
    ///   `invalidState` if the server is bound already.
    package func bind(host: String, port: Int) async throws(TransportError) {
        guard (0...65535).contains(port) else {
            throw TransportError(.invalidAddress, "the port \(port) is not from 0 to 65535")
        }
        let mayBind = state.withLockedValue { state in
            guard state.phase == .new else { return false }
            state.phase = .binding
            return true
        }
        guard mayBind else {
            throw TransportError(.invalidState, "the server was bound or stopped already")
        }
        do throws(TransportError) {
            let listeners = try await openListeners(host: host, port: port)
            let wasStopped = state.withLockedValue { state in
                guard state.phase == .binding else { return true }
                state.listeners = listeners
                state.phase = .bound
                return false
            }
            if wasStopped {
                await close(listeners)
                throw TransportError(.invalidState, "the server was stopped while it was binding")
            }
        } catch {
            state.withLockedValue { if $0.phase == .binding { $0.phase = .new } }
            throw error
        }
    }

    private func openListeners(
        host: String,
        port: Int
    ) async throws(TransportError) -> [any Channel] {
        let addresses = try await AddressResolver.addresses(of: host, port: port)
        var listeners: [any Channel] = []
        var failure: TransportError?
        var chosenPort = port
        for address in addresses {
            var address = address
            address.port = chosenPort
            do {
                let listener = try await bootstrap.bind(to: address).get()
                listeners.append(listener)
                chosenPort = listener.localAddress?.port ?? chosenPort
            } catch let error as IOError where error.isAddressUnavailable && addresses.count > 1 {
                // A name may have an address of a family that this machine has not configured.
                failure = Self.bindFailure(address, error)
            } catch {
                await close(listeners)
                throw Self.bindFailure(address, error)
            }
        }
        if listeners.isEmpty, let failure { throw failure }
        return listeners
    }

    private static func bindFailure(_ address: SocketAddress, _ cause: any Error) -> TransportError
    {
        let shown = NetworkAddress(address).map { "\($0)" } ?? "\(address)"
        let code: TransportError.Code =
            switch (cause as? IOError)?.errnoCode {
            case SystemError.addressInUse?: .addressInUse
            case SystemError.addressNotAvailable?, SystemError.familyNotSupported?: .addressNotOurs
            case SystemError.accessDenied?: .portReserved
            default: .bindFailed
            }
        return TransportError(code, "cannot listen on \(shown): \(DialFailure.describe(cause))")
    }

    private var bootstrap: ServerBootstrap {
        let server = shared.configuration.server
        let sockets = ConnectionSockets(shared.configuration)
        return
            sockets
            .set(on: ServerBootstrap(group: executors.group, childGroup: executors.group))
            .serverChannelOption(.backlog, value: server.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.autoRead, value: false)
            .serverChannelInitializer { [shared, executors] channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let executor = executors.executor(of: channel.eventLoop) else { return }
                    let pause = AcceptPause(shared: shared, executor: executor)
                    try channel.pipeline.syncOperations.addHandler(pause)
                }
            }
            .childChannelOption(.recvAllocator, value: ConnectionBuffers.receiving)
            .childChannelInitializer { [self] channel in initialize(channel) }
    }

    private func initialize(_ channel: any Channel) -> EventLoopFuture<Void> {
        let loop = channel.eventLoop
        let served = state.withLockedValue { state in
            state.phase == .serving ? (state.router, state.callCounters) : nil
        }
        guard let (router, callCounters) = served, let executor = executors.executor(of: loop)
        else {
            return loop.makeFailedFuture(ChannelError.ioOnClosedChannel)
        }
        let remote = NetworkAddress(channel.remoteAddress)
        let connection = ServerConnection(
            shared: shared,
            router: router,
            callCounters: callCounters,
            executor: executor,
            remoteAddress: remote.map { "\($0)" } ?? "a client"
        )
        switch shared.connections.insert(
            connection,
            from: HostGroup(remote?.host ?? ""),
            at: executor.now,
            shared
        ) {
        case .admitted: break
        case .instead(let other, let limit): makeRoom(insteadOf: other, limit, at: executor.now)
        case .refused(let limit):
            refuse(connection, limit, at: executor.now)
            return loop.makeFailedFuture(ChannelError.ioOnClosedChannel)
        }
        // A shutdown that began meanwhile has not seen the connection.
        guard state.withLockedValue({ $0.phase == .serving }) else {
            shared.connections.remove(connection)
            return loop.makeFailedFuture(ChannelError.ioOnClosedChannel)
        }
        let side = TLSConnection.Side.server(address: connection.remoteAddress)
        do {
            try channel.pipeline.syncOperations.addHandlers([
                TLSHandler(
                    context: connection.trust.context,
                    side: side,
                    worker: handshakeThreads.worker
                ),
                connection,
            ])
            return loop.makeSucceededVoidFuture()
        } catch {
            shared.connections.remove(connection)
            return loop.makeFailedFuture(error)
        }
    }

    private func refuse(
        _ connection: ServerConnection,
        _ limit: TransportLimit,
        at now: MonotonicTime
    ) {
        shared.metrics.refusedConnections.increment()
        shared.limits.count(limit)
        shared.log.failure(
            "refusing a connection",
            peer: connection.remoteAddress,
            error: TransportError(
                .invalidState,
                limit == .descriptors
                    ? "\(shared.maxConnections) are open, the most that \(shared.descriptors) files"
                        + " (RLIMIT_NOFILE) allow"
                    : "too many are open: \(limit.rawValue)"
            ),
            at: now
        )
    }

    private func makeRoom(
        insteadOf other: ServerConnection,
        _ limit: TransportLimit,
        at now: MonotonicTime
    ) {
        shared.limits.count(limit)
        shared.log.failure(
            "closing a slow handshake to make room for another one",
            peer: other.remoteAddress,
            error: TransportError(
                .invalidState,
                "too many handshakes in progress: \(limit.rawValue)"
            ),
            at: now
        )
        other.executor.runOrExecute { other.close() }
    }

    // MARK: Serving

    /// Starts to accept connections and to answer their calls.
    ///
    /// - Throws: `invalidState` if the server is not bound, or serves already.
    package func serve(_ router: Router) async throws(TransportError) {
        let callCounters = ChordTransportMetrics.callsReceived(by: router)
        let listeners = state.withLockedValue { state -> [any Channel]? in
            guard state.phase == .bound else { return nil }
            state.phase = .serving
            state.router = router
            state.callCounters = callCounters
            return state.listeners
        }
        guard let listeners else {
            throw TransportError(.invalidState, "the server is not bound, or serves already")
        }
        handshakeThreads.start()
        do {
            for listener in listeners {
                try await listener.setOption(.autoRead, value: true).get()
                listener.read()
            }
        } catch {
            throw TransportError(.bindFailed, "cannot accept connections", cause: error)
        }
        for address in localAddresses { shared.log.change("serving", address: "\(address)") }
        let wanted = shared.configuration.server.maxConnections
        if shared.maxConnections < wanted {
            shared.log.shortage(
                "accepting \(shared.maxConnections) connections instead of \(wanted): this process"
                    + " cannot open more files",
                limit: "RLIMIT_NOFILE \(shared.descriptors)",
                help: "raise LimitNOFILE of the unit, or ulimit -n"
            )
        }
    }

    /// Stops: accepts nothing more, lets the calls that are under way finish for as long as `grace`,
    /// and closes all connections.
    package func shutdown(grace: Duration) async {
        let (listeners, hasServed) = state.withLockedValue { state in
            defer {
                state.phase = .stopped
                state.listeners = []
            }
            return (state.listeners, state.phase == .serving)
        }
        for listener in listeners {
            let address = NetworkAddress(listener.localAddress).map { "\($0)" } ?? "nowhere"
            shared.log.change("stopping", address: address)
        }
        await close(listeners)
        for connection in shared.connections.all {
            connection.executor.runOrExecute { connection.drain() }
        }
        let loop = executors.all[0].eventLoop
        let done = loop.makePromise(of: Void.self)
        let connections = shared.connections
        let graceEnd = loop.scheduleTask(in: TimeAmount(clamping: grace)) {
            for connection in connections.all {
                connection.executor.runOrExecute { connection.close() }
            }
        }
        // A close waits for its last bytes. TLS limits that wait, and this limits TLS.
        let last = loop.scheduleTask(in: TimeAmount(clamping: grace + .seconds(5))) {
            done.succeed()
        }
        connections.whenEmpty { done.succeed() }
        try? await done.futureResult.get()
        graceEnd.cancel()
        last.cancel()
        if hasServed { await handshakeThreads.stop() }
    }

    /// Frees the port at once and without waiting: for a server that was bound and never served.
    package func abandon() {
        let listeners = state.withLockedValue { state in
            defer {
                state.phase = .stopped
                state.listeners = []
            }
            return state.listeners
        }
        for listener in listeners { listener.close(promise: nil) }
    }

    private func close(_ listeners: [any Channel]) async {
        for listener in listeners { try? await listener.close().get() }
    }
}

extension IOError {
    /// The address is not one of this machine's, or of a family that it does not have.
    var isAddressUnavailable: Bool {
        errnoCode == SystemError.addressNotAvailable || errnoCode == SystemError.familyNotSupported
    }
}
