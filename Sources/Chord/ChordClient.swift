// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordCore
public import ChordHash
import ChordIdentity
public import ChordRPC
public import ChordRuntime
import ChordTLS
public import ChordTransport
public import Logging
public import NIOCore
import NIOPosix

/// What a client of a ring is told.
public struct ChordClientConfiguration: Sendable {
    /// Addresses of members, as `host:port`; the next is tried when one is down.
    public var nodes: [String]
    /// The client's certificate files, and whom it trusts.
    public var certificates: Certificates
    /// How long a node may be silent before the next is tried.
    public var failureDetection = FailureDetection()
    /// Limits of lookups.
    public var lookups = LookupLimits()
    /// Hash functions of one's own, for rings that use one.
    public var hashes: [HashFunction] = []
    /// Connections and HTTP/2.
    public var transport = TransportConfiguration(client: .outsider)
    /// Where the client logs to.
    public var logger = Logger(label: "chord.client")
    /// The event loops to run on. Nil makes one thread, which `close()` ends.
    public var eventLoopGroup: (any EventLoopGroup)?

    /// A client of these nodes with everything else at its default.
    public init(nodes: [String], certificates: Certificates) {
        self.nodes = nodes
        self.certificates = certificates
    }
}

/// Asks a ring without being a member of it.
///
/// It keeps its connections between calls; ``close()`` ends them, and the client's thread. A call in a task
/// that is cancelled ends at once, with a `ChordError` of code `cancelled`.
public final class ChordClient: Sendable {
    private let client: RingClient
    private let transport: NetworkTransport
    /// The thread of a client that was given none.
    let ownGroup: MultiThreadedEventLoopGroup?

    /// Loads the certificates; nothing is dialled yet.
    ///
    /// - Throws: `ChordError` with `invalidConfiguration`, naming the setting or the file at fault.
    public init(_ configuration: ChordClientConfiguration) throws(ChordError) {
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
        transport = NetworkTransport(
            tls: TLSContextSource(context),
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
    }

    /// What the ring's members have in common, as the first node that answers says.
    ///
    /// - Throws: `ChordError` with `noContact`.
    public func parameters() async throws(ChordError) -> RingParameters {
        try await client.whileOpen { () throws(ChordError) in try await client.parameters() }
    }

    /// Looks up who owns a key; ``lookup(_:wantsPath:verify:)`` says how.
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

    /// Looks up who owns an identifier; the ring forwards the question.
    ///
    /// An answer that cannot be true is not taken: the next of the client's nodes is asked then.
    ///
    /// - Parameters:
    ///   - id: the identifier, as wide as the ring's.
    ///   - wantsPath: whether the result is to name the nodes that the question went through.
    ///   - verify: whether to go several ways that share no node (``LookupLimits/verifiedWays``), and to
    ///     ask the owner itself. The ways begin at the client's nodes: give several, so that one that lies
    ///     does not choose all of them. The result names the path in any case.
    /// - Throws: `ChordError` with `noContact`, `lookupFailed`, `deadlineExceeded` or `refused`;
    ///   `invalidAnswer` where what was answered cannot be true; `invalidConfiguration` for an identifier
    ///   wider than the ring's; `parametersDiffer` to verify in a ring whose hash function the client does
    ///   not have.
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

    /// Looks up who owns a key step by step, asking each node on the way.
    ///
    /// - Throws: `ChordError` with `noContact` or `lookupFailed`.
    public func trace(key: String) async throws(ChordError) -> LookupTrace {
        try await client.whileOpen { () throws(ChordError) in
            try await client.trace(.key(Array(key.utf8)))
        }
    }

    /// Looks up who owns an identifier step by step, asking each node on the way.
    ///
    /// - Throws: `ChordError` with `noContact` or `lookupFailed`; `invalidConfiguration` for an
    ///   identifier wider than the ring's.
    public func trace(_ id: Identifier) async throws(ChordError) -> LookupTrace {
        try await client.whileOpen { () throws(ChordError) in
            try await client.trace(.identifier(id))
        }
    }

    /// Walks once around the ring.
    ///
    /// - Throws: `ChordError` with `noContact`.
    public func walk() async throws(ChordError) -> RingWalk {
        try await client.whileOpen { () throws(ChordError) in try await client.walk() }
    }

    /// Those of this client's nodes that answer as members and were not met on a walk: they are in another
    /// ring, or the walked ring is not whole. Nodes that do not answer are not among them.
    ///
    /// - Throws: `ChordError` with `stopped` after ``close()``, and `cancelled`.
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
        let parameters = try ring.parameters()
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

    /// Calls a unary method of the first node that is reached: one of a service that a program gave its nodes.
    ///
    /// - Parameters:
    ///   - method: the method; whether the client may call it the node decides.
    ///   - request: the request's bytes.
    ///   - timeout: how long it may take at each node.
    /// - Returns: the answer's bytes.
    /// - Throws: `ChordError` with `noContact` where no node is reached; `refused` where the client may not
    ///   call the method; `deadlineExceeded`; `callFailed` with the ``Status`` as its cause.
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

    /// Asks the first node that answers what it is, where it is in its life, and what it sees of its ring. It
    /// need not be a member.
    ///
    /// - Throws: `ChordError` with `noContact`.
    public func describe() async throws(ChordError) -> NodeDescription {
        try await client.whileOpen { () throws(ChordError) in try await client.describe() }
    }

    /// Watches the first node that answers: what it is now, then whatever happens to its place in the ring,
    /// until the node ends or the reader stops. Nothing is asked before the first `next()`.
    ///
    /// Iterating throws a `ChordError` with `noContact`, `stopped`, `refused` or `invalidAnswer`, as
    /// ``NodeWatch`` tells. A machine that vanishes without a word is found out by the system after a minute
    /// (``TransportConfiguration/socketKeepalive``), a process that is stuck by keepalive pings after about
    /// five by default.
    public func watch() -> NodeWatch { client.watch() }

    /// Makes a node leave its ring and end. Takes a certificate of role `admin`, and a client of exactly one
    /// node: which one is to end is not left to who answers.
    ///
    /// - Returns: who has left. Its process ends after that.
    /// - Throws: `ChordError` with `invalidConfiguration` for a client of several nodes; `noContact`;
    ///   `refused`; `invalidAnswer`.
    @discardableResult
    public func leave() async throws(ChordError) -> NodeReference {
        try await client.whileOpen { () throws(ChordError) in try await client.leave() }
    }

    /// Makes the ring of the first node that answers and that of a contact one. They have the same name and
    /// parameters, and have never met or have forgotten each other; rings that came apart find each other
    /// without being told. Takes a certificate of role `admin`.
    ///
    /// - Parameter contact: the address of a member of the other ring, as `host:port`, as seen from the
    ///   node that is asked.
    /// - Returns: who listens there, and whether the two were in one ring before. Else the rings become one
    ///   after that; ``walk()`` tells when.
    /// - Throws: `ChordError` with `invalidConfiguration` for what is no address; `noContact`;
    ///   `parametersDiffer`, naming both sides; `refused`; `invalidAnswer`.
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
        // A client that was never closed: nobody is left to wait.
        if client.gate.close() { ownGroup?.shutdownGracefully { _ in } }
    }

    /// Closes the client's connections and ends its thread, which is awaited. Calls under way fail at once;
    /// what is asked later throws a `ChordError` with `stopped`.
    public func close() async {
        guard client.gate.close() else { return }
        await transport.shutdown(grace: .zero)
        // Calls that have failed return on the thread that is to end.
        await client.gate.whenEmpty()
        try? await ownGroup?.shutdownGracefully()
    }
}
