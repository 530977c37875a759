// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordCore
import ChordIdentity
import ChordRPC
public import ChordRuntime
public import ChordStore
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
/// `init` loads the certificates, locks the data directory and opens the port. ``run()`` joins the
/// ring, serves it, and leaves it on graceful shutdown. A node runs once.
///
/// Other services of the same `ServiceGroup` can wait for the node with ``waitUntilJoined()``,
/// which returns on graceful shutdown. A service that reads ``events()`` or ``rangeChanges()``
/// should add `cancelOnGracefulShutdown()`, because a group stops its services one after the other,
/// the last one first.
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
    let certificateReloader: FileReloader
    let access: AccessParts
    let policyReloader: FileReloader?
    let keeper: StateKeeper?
    let memory: StateFile.Memory
    /// The ring's replicated key-value store, read and written as this node.
    ///
    /// Operations on ranges that the node itself leads stay in the process. The others go to their leaders over
    /// the node's own connections. A node without a part of the store (``ChordConfiguration/store``) asks its
    /// successors. Until ``run()`` has begun, and until the node is a member, operations wait for it, at most until
    /// their deadline; after its end they throw `stopped`. Its certificate's role is `node`, so ``StoreClient/scan(_:range:keysOnly:pageRows:timeout:)`` is
    /// refused.
    public let store: StoreClient
    let storeNetwork: NodeStoreNetwork
    /// The services in the order of their start.
    let services: [any NodeService]
    let phase = NIOLockedValueBox(Phase.made)

    /// The phases of a node, in order.
    enum Phase {
        case made, running, ended, closed
    }

    /// The node's own reference: identifier, name and advertised address. In a ring that gives each node several
    /// places, the identifier is that of the first until the node has joined.
    public var reference: NodeReference { shell.view.node }

    /// Loads the certificates, checks the configuration, locks the data directory and opens the
    /// port.
    ///
    /// - Parameters:
    ///   - given: the configuration.
    ///   - services: additional services, in the order in which they start.
    /// - Throws: `ChordError` with `invalidConfiguration`, which names the setting or file.
    public init(
        _ given: ChordConfiguration,
        services: [any NodeService] = []
    ) async throws(ChordError) {
        var configuration = given
        // Every log line names its node, including lines of the transport.
        configuration.logger[metadataKey: LogKeys.node] = "\(given.name)"
        let (parameters, listen) = try configuration.validated()
        let seen = configuration.certificates.seen
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

        var ringParameters = parameters
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
                if let placements = memory.placements {
                    let configured =
                        configuration.ring.placements ?? (configuration.isMixed ? 1 : nil)
                    try kept.check(configured, against: placements)
                    ringParameters.placements = placements
                }
            } catch {
                throw ChordError(
                    .invalidConfiguration,
                    "node \(configuration.name) cannot start",
                    cause: error
                )
            }
        }

        var store: StoreSetup?
        do throws(DataDirectoryFailure) {
            store = try configuration.store?.setup(in: configuration.dataDirectory)
        } catch {
            throw ChordError(
                .invalidConfiguration,
                "node \(configuration.name) cannot start",
                cause: error
            )
        }
        ringParameters.store = store?.record.store

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
        let access: AccessParts
        do throws(ChordError) {
            access = try AccessParts(
                configuration.access,
                node: configuration.name,
                logger: configuration.logger
            ) { clock.now }
        } catch {
            try? await ownGroup?.shutdownGracefully()
            throw ChordError(
                .invalidConfiguration,
                "node \(configuration.name) cannot start",
                cause: error
            )
        }
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
        // A dead peer is dialled again at least once per maintenance interval, because maintenance
        // waits for it.
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
            parameters: ringParameters,
            hash: configuration.ring.hash
        )
        runtime.failureDomain = configuration.failureDomain ?? ""
        runtime.adoption = configuration.adoption
        runtime.disk = store?.engines == nil ? nil : store?.disk
        runtime.intervals = configuration.intervals
        runtime.failureDetection = configuration.failureDetection
        runtime.lookups = configuration.lookups
        runtime.machine = configuration.machine
        runtime.leaveTimeout = configuration.leaveTimeout
        runtime.handoverTimeout = configuration.handoverTimeout
        runtime.dialects = configuration.dialects
        runtime.statements = configuration.statements
        runtime.certificateEnds = { tls.current.ends }
        runtime.accessControl = access.control
        let shell = NodeShell(
            configuration: runtime,
            executor: executors.next(),
            transport: transport,
            logger: configuration.logger
        )

        let storeService = store.map { StoreService($0) }
        self.services = shell.services(with: services + (storeService.map { [$0] } ?? []))
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
        storeNetwork = NodeStoreNetwork(NodeContext(shell), service: storeService)
        self.store = StoreClient(network: storeNetwork, limits: configuration.storeClient)
        certificateWatch = CertificateWatch(
            node: configuration.name,
            executor: shell.executor,
            logger: configuration.logger
        )
        certificateReloader = Self.certificateReloader(
            configuration,
            seen: seen,
            tls: tls,
            executor: shell.executor,
            watch: certificateWatch
        )
        self.access = access
        policyReloader = access.reloader(configuration, executor: shell.executor)
        hash = configuration.ring.hash
        self.keeper = keeper
        self.memory = memory
    }

    deinit {
        // A node that never ran still has its port open.
        server.abandon()
        // The threads end with the object and not when the node stops: until then it may be called,
        // and its answers need the event loop.
        ownGroup?.shutdownGracefully { _ in }
    }

    // MARK: The node's view of the ring

    /// The successor list, nearest first; empty while this node is alone.
    public var successors: [NodeReference] { shell.view.successors }

    /// The predecessor; this node itself while it is alone.
    public var predecessor: NodeReference { shell.view.predecessor }

    /// The range that this node owns. Nil if it is not a member, or if its successor has not
    /// accepted it as its predecessor yet.
    public var range: IdentifierRange? { shell.view.ownedRange }

    /// The parameters that all members of the ring share.
    public var parameters: RingParameters { shell.view.parameters }

    // MARK: Lookups

    /// The identifier of a key in this ring.
    public func identifier(of key: String) -> Identifier {
        hash.identifier(of: key, in: shell.view.parameters.space)
    }

    /// The identifier of a key in this ring.
    public func identifier(of key: [UInt8]) -> Identifier {
        hash.identifier(of: key, in: shell.view.parameters.space)
    }

    /// Looks up the owner of a key; see ``lookup(_:timeout:wantsPath:verify:)``.
    ///
    /// - Throws: `ChordError` with `notMember`, `lookupFailed` or `deadlineExceeded`.
    public func lookup(
        key: String,
        timeout: Duration? = nil,
        verify: Bool = false
    ) async throws(ChordError) -> LookupResult {
        try await lookup(identifier(of: key), timeout: timeout, verify: verify)
    }

    /// Looks up the owner of an identifier.
    ///
    /// - Parameters:
    ///   - id: the identifier, as wide as the ring's.
    ///   - timeout: how long the lookup may take; nil stands for the configured deadline.
    ///   - wantsPath: whether the result contains the nodes on the path.
    ///   - verify: whether to use several paths that share no node (``LookupLimits/verifiedWays``),
    ///     and to ask the owner itself. It costs several times as much, and detects lies that a
    ///     plain lookup cannot detect (docs/threat-model.md). The result then always contains the
    ///     path.
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
