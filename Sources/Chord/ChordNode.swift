// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordCore
import ChordIdentity
import ChordRPC
public import ChordRuntime
import ChordTLS
import ChordTransport
import ChordWire
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
public import ServiceLifecycle

/// A member of a Chord ring.
///
/// Making one loads the certificates, takes the data directory and opens the port; ``run()`` joins the ring,
/// serves it, and on graceful shutdown leaves it. A node runs once.
///
/// A service of the same `ServiceGroup` that waits for the node with ``waitUntilJoined()`` stops waiting on
/// graceful shutdown. One that reads ``events()`` or ``rangeChanges()`` reads them with
/// `cancelOnGracefulShutdown()`, as a group ends its services one after the other, the last first.
///
/// ```swift
/// let node = try await ChordNode(configuration)
/// try await ServiceGroup(services: [node], gracefulShutdownSignals: [.sigterm], logger: logger).run()
/// ```
public final class ChordNode: Service, Sendable {
    let configuration: ChordConfiguration
    let shell: NodeShell
    let server: GRPCServer
    let transport: NetworkTransport
    let tls: TLSContextSource
    let ownGroup: MultiThreadedEventLoopGroup?
    private let hash: HashFunction
    let certificateWatch: CertificateWatch
    let keeper: StateKeeper?
    let memory: StateFile.Memory
    /// In the order in which they start.
    let services: [any NodeService]
    let phase = NIOLockedValueBox(Phase.made)

    /// What becomes of a node, in this order.
    enum Phase {
        case made, running, ended, closed
    }

    /// The node itself: identifier, name, and the address that others dial.
    public let reference: NodeReference

    /// Loads the certificates, checks the configuration, takes the data directory and opens the port.
    ///
    /// - Parameters:
    ///   - given: what the node is told.
    ///   - services: services of the program's own, in the order in which they are to start.
    /// - Throws: `ChordError` with `invalidConfiguration`, naming the setting or the file at fault.
    public init(
        _ given: ChordConfiguration,
        services: [any NodeService] = []
    ) async throws(ChordError) {
        var configuration = given
        // Every line says of which node it is, those of the transport and of the files too.
        configuration.logger[metadataKey: LogKeys.node] = "\(given.name)"
        let (parameters, listen) = try configuration.validated()
        let context: TLSContext
        do {
            context = try configuration.certificates.load(
                for: Self.use(of: configuration, listen: listen)
            )
        } catch {
            throw ChordError(
                .invalidConfiguration,
                "node \(configuration.name) cannot start",
                cause: error
            )
        }

        var keeper: StateKeeper?
        var memory = StateFile.Memory()
        if let path = configuration.dataDirectory {
            do throws(DataDirectoryFailure) {
                let kept = try StateKeeper(
                    path,
                    node: configuration.name,
                    parameters: parameters,
                    logger: configuration.logger
                )
                memory = try kept.load(
                    hasContacts: !(configuration.contacts + configuration.initialRing).isEmpty
                )
                keeper = kept
            } catch {
                throw ChordError(
                    .invalidConfiguration,
                    "node \(configuration.name) cannot start",
                    cause: error
                )
            }
        }

        let threads = configuration.eventLoopThreads
        if configuration.eventLoopGroup == nil {
            try Threads.check(eventLoops: threads, for: "node \(configuration.name)")
        }
        let ownGroup =
            configuration.eventLoopGroup == nil
            ? MultiThreadedEventLoopGroup(numberOfThreads: threads)
            : nil
        let executors = EventLoopExecutors(
            group: configuration.eventLoopGroup ?? ownGroup ?? MultiThreadedEventLoopGroup.singleton
        )
        let clock = executors.next()
        configuration.logger = configuration.logger.limited(
            by: LogBudget(configuration.logLimits) { clock.now }
        )
        let tls = TLSContextSource(context)
        let log = TransportLog(
            logger: configuration.logger,
            failuresPerSecond: configuration.transport.server.loggedFailuresPerSecond
        )
        let transportMetrics = ChordTransportMetrics()
        let server = GRPCServer(
            tls: tls,
            executors: executors,
            configuration: configuration.transport,
            log: log,
            metrics: transportMetrics
        )
        do {
            try await server.bind(host: listen.host, port: listen.port)
        } catch {
            try? await ownGroup?.shutdownGracefully()
            throw ChordError(
                .invalidConfiguration,
                "node \(configuration.name) cannot start",
                cause: error
            )
        }
        var clientSide = configuration.transport
        // A dead peer is dialled again at the pace of maintenance, as nobody waits longer for it.
        clientSide.client.maxBackoff = min(
            clientSide.client.maxBackoff,
            configuration.intervals.stabilize
        )
        let transport = NetworkTransport(
            tls: tls,
            executors: executors,
            configuration: clientSide,
            log: log,
            metrics: transportMetrics
        )
        let address =
            configuration.advertise
            ?? NetworkAddress.join(host: listen.host, port: server.localPort ?? listen.port)

        var runtime = RuntimeConfiguration(
            name: configuration.name,
            address: address,
            parameters: parameters,
            hash: configuration.ring.hash
        )
        runtime.intervals = configuration.intervals
        runtime.failureDetection = configuration.failureDetection
        runtime.lookups = configuration.lookups
        runtime.machine = configuration.machine
        runtime.leaveTimeout = configuration.leaveTimeout
        runtime.handoverTimeout = configuration.handoverTimeout
        runtime.dialects = configuration.dialects
        runtime.statements = configuration.statements
        runtime.certificateEnds = { tls.current.ends }
        let shell = NodeShell(
            configuration: runtime,
            executor: executors.next(),
            transport: transport,
            logger: configuration.logger
        )

        self.services = shell.services(with: services)
        if let objection = NodeShell.objection(to: self.services) {
            server.abandon()
            try? await ownGroup?.shutdownGracefully()
            throw ChordError(.invalidConfiguration, objection)
        }
        self.configuration = configuration
        self.ownGroup = ownGroup
        self.tls = tls
        self.server = server
        self.transport = transport
        self.shell = shell
        certificateWatch = CertificateWatch(
            node: configuration.name,
            executor: shell.executor,
            logger: configuration.logger
        )
        hash = configuration.ring.hash
        self.keeper = keeper
        self.memory = memory
        reference = shell.view.node
    }

    deinit {
        // A node that never ran has its port still.
        server.abandon()
        // Not when the node stops: until it is gone it may be asked, and answers on its loop.
        ownGroup?.shutdownGracefully { _ in }
    }

    // MARK: The ring as this node sees it

    /// The nearest successors, nearest first; empty while this node is alone.
    public var successors: [NodeReference] { shell.view.successors }

    /// The predecessor; this node itself while it is alone.
    public var predecessor: NodeReference { shell.view.predecessor }

    /// What this node owns; nil while it is no member, or one that its successor has not taken for its
    /// predecessor.
    public var range: IdentifierRange? { shell.view.ownedRange }

    /// What the ring's members have in common.
    public var parameters: RingParameters { shell.view.parameters }

    // MARK: Looking up

    /// The identifier of a key in this ring.
    public func identifier(of key: String) -> Identifier {
        hash.identifier(of: key, in: shell.view.parameters.space)
    }

    /// The identifier of a key in this ring.
    public func identifier(of key: [UInt8]) -> Identifier {
        hash.identifier(of: key, in: shell.view.parameters.space)
    }

    /// Looks up who owns a key; ``lookup(_:timeout:wantsPath:verify:)`` says how.
    ///
    /// - Throws: `ChordError` with `notMember`, `lookupFailed` or `deadlineExceeded`.
    public func lookup(
        key: String,
        timeout: Duration? = nil,
        verify: Bool = false
    ) async throws(ChordError) -> LookupResult {
        try await lookup(identifier(of: key), timeout: timeout, verify: verify)
    }

    /// Looks up who owns an identifier.
    ///
    /// - Parameters:
    ///   - id: the identifier, as wide as the ring's.
    ///   - timeout: how long it may take; nil stands for the configured deadline.
    ///   - wantsPath: whether the result is to name the nodes that the question went through.
    ///   - verify: whether to go several ways that share no node (``LookupLimits/verifiedWays``), and to
    ///     ask the owner itself. It costs several times as much, and finds out lies that a plain lookup
    ///     cannot; the threat model says which. The result names the path in any case.
    /// - Throws: `ChordError` with `notMember`, `lookupFailed` or `deadlineExceeded`.
    public func lookup(
        _ id: Identifier,
        timeout: Duration? = nil,
        wantsPath: Bool = false,
        verify: Bool = false
    ) async throws(ChordError) -> LookupResult {
        guard !isClosed else { throw ChordError(.notMember, "the node is closed") }
        if verify { return try await shell.verifiedLookup(id, timeout: timeout) }
        return try await shell.lookup(id, timeout: timeout, wantsPath: wantsPath)
    }
}
