// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordCore
public import ChordHash
import ChordIdentity
public import ChordRPC
public import ChordRuntime
public import ChordStore
import ChordTLS
public import ChordTransport
public import Logging
public import NIOCore
import NIOPosix

/// The configuration of a client.
public struct ChordClientConfiguration: Sendable {
    /// Addresses of members, as `host:port`. If one is down, the next is tried.
    public var nodes: [String]
    /// The client's certificate files, and which certificates it accepts.
    public var certificates: Certificates
    /// How long a node may be silent before the next is tried.
    public var failureDetection = FailureDetection()
    /// Limits of lookups.
    public var lookups = LookupLimits()
    /// Limits of the store's client.
    public var store = StoreClientLimits()
    /// Custom hash functions, for rings that use one.
    public var hashes: [HashFunction] = []
    /// Connections and HTTP/2.
    public var transport = TransportConfiguration(client: .outsider)
    /// The client's logger.
    public var logger = Logger(label: "chord.client")
    /// The event loops to run on. Nil creates one thread, which `close()` ends.
    public var eventLoopGroup: (any EventLoopGroup)?

    /// A client of these nodes, with defaults for all other settings.
    public init(nodes: [String], certificates: Certificates) {
        self.nodes = nodes
        self.certificates = certificates
    }
}

/// A client of a ring. It is not a member.
///
/// It keeps its connections between calls. ``close()`` ends them and the client's thread. If the
/// calling task is cancelled, a call ends at once with a `ChordError` of code `cancelled`.
public final class ChordClient: Sendable {
    /// The ring's replicated key-value store.
    public let store: StoreClient
    private let client: RingClient
    private let transport: NetworkTransport
    private let certificateReloader: FileReloader
    /// The thread of a client without a given event loop group.
    let ownGroup: MultiThreadedEventLoopGroup?

    /// Loads the certificates. It opens no connection yet.
    ///
    /// - Throws: `ChordError` with `invalidConfiguration`, which names the setting or file.
    public init(_ configuration: ChordClientConfiguration) throws(ChordError) {
        let seen = configuration.certificates.seen
        let context: TLSContext
        do {
            for node in configuration.nodes { _ = try NetworkAddress(node) }
            context = try configuration.certificates.load()
        } catch {
            throw ChordError(.invalidConfiguration, "the client cannot start", cause: error)
        }
        try ConfigurationCheck.check(configuration)
        guard !configuration.nodes.isEmpty else {
            throw ChordError(.invalidConfiguration, "a client needs the address of a node")
        }
        if configuration.eventLoopGroup == nil {
            try Threads.check(eventLoops: 1, for: "the client")
        }
        let ownGroup =
            configuration.eventLoopGroup == nil
            ? MultiThreadedEventLoopGroup(numberOfThreads: 1) : nil
        let executors = EventLoopExecutors(
            group: configuration.eventLoopGroup ?? ownGroup ?? MultiThreadedEventLoopGroup.singleton
        )
        let tls = TLSContextSource(context)
        transport = NetworkTransport(
            tls: tls,
            executors: executors,
            configuration: configuration.transport,
            log: TransportLog(logger: configuration.logger, failuresPerSecond: 10),
            metrics: ChordTransportMetrics()
        )
        self.ownGroup = ownGroup
        client = RingClient(
            contacts: configuration.nodes,
            transport: transport,
            executor: executors.next(),
            failureDetection: configuration.failureDetection,
            lookups: configuration.lookups,
            hashes: configuration.hashes
        )
        store = StoreClient(network: RingStoreNetwork(client), limits: configuration.store)
        let (certificates, logger) = (configuration.certificates, configuration.logger)
        certificateReloader = FileReloader(
            .certificates,
            first: seen,
            executor: executors.next(),
            logger: logger,
            seeFiles: { certificates.seen },
            use: {
                let context = try certificates.replace(tls)
                logger.info(
                    "read the certificates again",
                    metadata: [LogKeys.serial: "\(context.certificate.serial)"]
                )
            }
        )
        certificateReloader.start()
    }

    /// Reads the certificate files again, for new connections. A client notices changed files by itself
    /// within five seconds; this method does not wait for that, and tells why files are refused. It
    /// reads files, so it must not run on an event loop.
    ///
    /// - Throws: `ChordError` with `invalidConfiguration`; the previous certificates then stay in
    ///   use.
    public func reloadCertificates() throws(ChordError) {
        do {
            try certificateReloader.reload()
        } catch {
            throw ChordError(
                .invalidConfiguration,
                "the present certificates stay in use",
                cause: error
            )
        }
    }

    /// The ring's parameters, from the first node that answers.
    ///
    /// - Throws: `ChordError` with `noContact`.
    public func parameters() async throws(ChordError) -> RingParameters {
        try await client.whileOpen { () throws(ChordError) in try await client.parameters() }
    }

    /// Looks up the owner of a key; see ``lookup(_:wantsPath:verify:)``.
    ///
    /// - Throws: `ChordError` with `noContact`, `lookupFailed`, `deadlineExceeded`, `refused`,
    ///   `parametersDiffer` or `invalidAnswer`.
    public func lookup(
        key: String,
        wantsPath: Bool = false,
        verify: Bool = false
    ) async throws(ChordError) -> LookupResult {
        try await lookup(.key(Array(key.utf8)), wantsPath, verify)
    }

    /// Looks up the owner of an identifier. The members forward the request.
    ///
    /// An impossible answer is refused, and the next of the client's nodes is asked.
    ///
    /// - Parameters:
    ///   - id: the identifier, as wide as the ring's.
    ///   - wantsPath: whether the result contains the nodes on the path.
    ///   - verify: whether to use several paths that share no node (``LookupLimits/verifiedWays``),
    ///     and to ask the owner itself. The paths start at the client's nodes, so give several: a
    ///     single lying node would choose all paths. The result then always contains the path.
    /// - Throws: `ChordError` with `noContact`, `lookupFailed`, `deadlineExceeded` or `refused`;
    ///   `invalidAnswer` if the answers are impossible; `invalidConfiguration` for an identifier
    ///   wider than the ring's; `parametersDiffer` for a verified lookup if the client does not
    ///   have the ring's hash function.
    public func lookup(
        _ id: Identifier,
        wantsPath: Bool = false,
        verify: Bool = false
    ) async throws(ChordError) -> LookupResult {
        try await lookup(.identifier(id), wantsPath, verify)
    }

    private func lookup(
        _ subject: RingClient.Subject,
        _ wantsPath: Bool,
        _ verify: Bool
    ) async throws(ChordError) -> LookupResult {
        try await client.whileOpen { () throws(ChordError) in
            verify
                ? try await client.verifiedLookup(subject)
                : try await client.lookup(subject, wantPath: wantsPath)
        }
    }

    /// Looks up the owner of a key iteratively: the client asks each node on the path itself.
    ///
    /// - Throws: `ChordError` with `noContact` or `lookupFailed`.
    public func trace(key: String) async throws(ChordError) -> LookupTrace {
        try await client.whileOpen { () throws(ChordError) in
            try await client.trace(.key(Array(key.utf8)))
        }
    }

    /// Looks up the owner of an identifier iteratively: the client asks each node on the path
    /// itself.
    ///
    /// - Parameters:
    ///   - id: the identifier.
    ///   - most: the most nodes to ask, 1 or more; nil for what a ring of this width can need.
    /// - Throws: `ChordError` with `noContact` or `lookupFailed`; `invalidConfiguration` for an
    ///   identifier wider than the ring's.
    public func trace(
        _ id: Identifier,
        asking most: Int? = nil
    ) async throws(ChordError) -> LookupTrace {
        try await client.whileOpen { () throws(ChordError) in
            try await client.trace(.identifier(id), asking: most)
        }
    }

    /// Lists the members by a walk around the ring.
    ///
    /// - Throws: `ChordError` with `noContact`.
    public func walk() async throws(ChordError) -> RingWalk {
        try await client.whileOpen { () throws(ChordError) in try await client.walk() }
    }

    /// The client's nodes that answer as members, but that a walk did not meet. They are in another
    /// ring, or the walked ring is not complete. Nodes that do not answer are not included.
    ///
    /// - Throws: `ChordError` with `stopped` after ``close()``, or `cancelled`.
    public func nodes(notOn walk: RingWalk) async throws(ChordError) -> [NodeReference] {
        try await client.whileOpen { () throws(ChordError) in try await client.strays(from: walk) }
    }

    /// Checks a node of any implementation: which dialects it speaks, and whether its answers are
    /// those that a ring of this project needs. The check only asks questions; nothing changes.
    ///
    /// A node of another implementation is never asked for the owner of a member's identifier,
    /// because that question can crash it.
    ///
    /// - Parameters:
    ///   - address: the node's address, as `host:port`.
    ///   - ring: the assumed parameters of the node's ring, used where its dialect does not tell them.
    ///   - settling: how long a wrong answer is asked again before it counts; a ring that repairs
    ///     itself after a crash gives wrong answers for a while. A longer time tolerates slower
    ///     repair. The check of a node that stays wrong then takes longer.
    /// - Throws: `ChordError` with `invalidConfiguration`.
    public func check(
        _ address: String,
        ring: RingConfiguration = RingConfiguration(),
        settling: Duration = .seconds(15)
    ) async throws(ChordError) -> InteropReport {
        do throws(AddressError) {
            _ = try NetworkAddress(address)
        } catch {
            throw ChordError(.invalidConfiguration, "the address to check", cause: error)
        }
        let parameters = try ring.parameters(isMixed: true)
        return try await client.whileOpen {
            await InteropProbe(
                address: address,
                assumed: parameters,
                hash: ring.hash,
                transport: transport,
                executor: client.executor,
                failureDetection: client.failureDetection,
                settling: settling
            ).run()
        }
    }

    /// Calls a unary method of the first node that can be reached. The method belongs to a service
    /// that a program has added to its nodes.
    ///
    /// - Parameters:
    ///   - method: the method. The node decides whether the client may call it.
    ///   - request: the request's bytes.
    ///   - timeout: the timeout of the call to each node.
    /// - Returns: the reply's bytes.
    /// - Throws: `ChordError` with `noContact` if no node can be reached; `refused` if the client
    ///   may not call the method; `deadlineExceeded`; `callFailed` with the ``Status`` as its
    ///   cause.
    public func call(
        _ method: RPCMethod,
        _ request: [UInt8],
        timeout: Duration = .seconds(5)
    ) async throws(ChordError) -> [UInt8] {
        try await client.whileOpen { () throws(ChordError) in
            try await client.call(method, request, timeout: timeout)
        }
    }

    // MARK: Administration

    /// Describes the first node that answers: its state and its view of the ring. It need not be a
    /// member.
    ///
    /// - Throws: `ChordError` with `noContact`.
    public func describe() async throws(ChordError) -> NodeDescription {
        try await client.whileOpen { () throws(ChordError) in try await client.describe() }
    }

    /// Watches the first node that answers: its present state, then every change of its place in
    /// the ring, until the node ends or the reader stops. The call starts with the first `next()`.
    ///
    /// Iterating throws a `ChordError` with `noContact`, `stopped`, `refused` or `invalidAnswer`;
    /// see ``NodeWatch``. If the node's machine disappears, the system detects it after a minute
    /// (``TransportConfiguration/socketKeepalive``). If its process hangs, keepalive pings detect
    /// it after about five minutes by default.
    public func watch() -> NodeWatch { client.watch() }

    /// Makes a node leave its ring for good and stop. Its part of the store moves to other nodes first, which may take
    /// long; cancelling the task keeps the node in its ring. It needs a certificate of role `admin`, and a client
    /// with exactly one node, so that the answering order does not decide which node stops.
    ///
    /// - Returns: the node that has left. Its process ends after that.
    /// - Throws: `ChordError` with `invalidConfiguration` for a client with several nodes;
    ///   `callFailed` if data would be lost, or a majority, which the message names; `noContact`; `refused`;
    ///   `invalidAnswer`; `cancelled`. The node then stays.
    @discardableResult
    public func leave() async throws(ChordError) -> NodeReference {
        try await client.whileOpen { () throws(ChordError) in try await client.leave() }
    }

    /// Merges the ring of the first node that answers with the ring of a contact. The rings must
    /// have the same name and parameters. This is needed only for rings that have never met or have
    /// forgotten each other; the parts of a split ring merge by themselves. It needs a certificate
    /// of role `admin`.
    ///
    /// - Parameter contact: the address of a member of the other ring, as `host:port`, as the asked
    ///   node can reach it.
    /// - Returns: the node at the contact's address, and whether both nodes were already in one
    ///   ring. If not, the rings merge after the call; ``walk()`` shows when they have.
    /// - Throws: `ChordError` with `invalidConfiguration` for an invalid address; `noContact`;
    ///   `parametersDiffer`, with both sides' values; `refused`; `invalidAnswer`.
    public func merge(with contact: String) async throws(ChordError) -> RingMerge {
        do throws(AddressError) {
            _ = try NetworkAddress(contact)
        } catch {
            throw ChordError(.invalidConfiguration, "the contact's address", cause: error)
        }
        return try await client.whileOpen { () throws(ChordError) in
            try await client.merge(with: contact)
        }
    }

    deinit {
        certificateReloader.stop()
        // The client was never closed, and no caller waits for its end.
        if client.gate.close() { ownGroup?.shutdownGracefully { _ in } }
    }

    /// Closes the client's connections and ends its thread, and waits for both. Calls in progress
    /// fail at once. Later calls throw a `ChordError` with `stopped`.
    public func close() async {
        guard client.gate.close() else { return }
        certificateReloader.stop()
        await transport.shutdown(grace: .zero)
        // Failed calls still return on the thread that will end.
        await client.gate.whenEmpty()
        try? await ownGroup?.shutdownGracefully()
    }
}
