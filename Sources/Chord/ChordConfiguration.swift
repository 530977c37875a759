// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordCore
public import ChordHash
public import ChordRuntime
public import ChordTransport
public import Logging
public import NIOCore

/// The parameters of a ring. Nodes with different parameters refuse each other.
public struct RingConfiguration: Sendable {
    /// The ring's name.
    public var name: String
    /// The hash function for identifiers of keys and names.
    public var hash: HashFunction = .sha256
    /// The number of bits of an identifier, 1 to 256, and at most those of the hash. With fewer
    /// bits messages are shorter and collisions more likely: two nodes with the same identifier
    /// cannot both be members.
    public var width = 64
    /// The source of node identifiers.
    public var identifierRule = IdentifierRule.name
    /// The length of the successor lists, 1 to 32. The ring survives if fewer neighbouring
    /// nodes than this crash at once. Each further entry costs a reference in every maintenance reply.
    public var successorCount = 4
    /// Places on the circle that the ring gives to each node, of which a node takes one when it joins: the
    /// one that makes shares most even; 1 to ``RingParameters/largestPlacements``. Nil takes over the number of
    /// the ring that the node joins, and begins rings with ``standardPlacements``. Other implementations
    /// (``ChordConfiguration/dialects``) and nodes of version 0.1 know one place only: a ring that they are to
    /// join begins with 1.
    ///
    /// With one place the largest share of a ring of 100 nodes is about 5.5 times the mean, with 16 about 1.8
    /// times. More even out shares further, and cost a joining node as many lookups, made together.
    public var placements: Int?
    /// The places of each node in a new ring, where the configuration names no number. In rings that may have
    /// members of other implementations it is 1.
    public static let standardPlacements = 16

    /// A ring of this name, with defaults for all other parameters. The defaults are those of a
    /// Concord ring.
    public init(name: String = "chord") {
        self.name = name
    }

    /// The parameters in the form that nodes compare and send, of a ring that this node begins.
    ///
    /// - Parameter isMixed: whether other implementations may be members.
    /// - Throws: `ChordError` with `invalidConfiguration`.
    func parameters(isMixed: Bool) throws(ChordError) -> RingParameters {
        guard (1...255).contains(name.utf8.count), !name.utf8.contains(0) else {
            throw ChordError(
                .invalidConfiguration,
                "a ring's name must have 1 to 255 bytes and no zero byte"
            )
        }
        guard (1...32).contains(successorCount) else {
            throw ChordError(
                .invalidConfiguration,
                "successorCount is \(successorCount); it must be 1 to 32"
            )
        }
        let placements = placements ?? (isMixed ? 1 : Self.standardPlacements)
        guard (1...RingParameters.largestPlacements).contains(placements) else {
            throw ChordError(
                .invalidConfiguration,
                "placements is \(placements); it must be 1 to \(RingParameters.largestPlacements)"
            )
        }
        do {
            try HashFunction.validate(hash: hash, width: width)
            let space = try IdentifierSpace(width: width)
            var parameters = RingParameters(
                ring: name,
                hash: hash.name,
                probe: hash.identifier(of: RingParameters.probeText, in: space),
                space: space,
                rule: identifierRule,
                successorCount: successorCount
            )
            parameters.placements = placements
            return parameters
        } catch {
            throw ChordError(
                .invalidConfiguration,
                "the ring's hash and width do not fit",
                cause: error
            )
        }
    }
}

/// The configuration of a node. Settings with a default can be left out.
public struct ChordConfiguration: Sendable {
    /// The node's name, 1 to 255 bytes, as in its certificate.
    public var name: String
    /// The node's ring.
    public var ring: RingConfiguration
    /// The address to listen on, as `host:port`; an IPv6 host is in brackets. With port 0 the
    /// kernel chooses the port.
    public var listen = "127.0.0.1:7946"
    /// The address that other nodes dial; nil stands for `listen` with its actual port. Needed if
    /// `listen` is a wildcard address, or behind address translation.
    public var advertise: String?
    /// What the node fails together with, such as its rack or zone: 1 to 64 bytes, and no zero byte. The node names
    /// it to the others in its ``NodeReference``. Nil says nothing.
    public var failureDomain: String?
    /// Addresses of members to join through, tried in turn. If there are any, the node begins a
    /// ring only if it was a member of it before. Without contacts and without `initialRing`, a
    /// node that was never a member begins a new ring.
    public var contacts: [String] = []
    /// The advertised addresses of all founders of a new ring, including this node's. Every founder
    /// needs the same list, with at most 64 addresses. The ring begins when all founders are up,
    /// and is complete from its first second. A founder that finds an existing ring joins it. Leave
    /// it empty for a ring that grows from one node, and for nodes that join later. It cannot be
    /// combined with `contacts`.
    ///
    /// A founder with a `dataDirectory` founds only once; after a restart it returns to its ring.
    /// If all founders have no data directory and restart together while other members live on,
    /// they found a second ring: restart them one after the other.
    public var initialRing: [String] = []
    /// A folder in which the node stores whether it has been a member of its ring, and the members
    /// that it knew last (at most 32). Nil stores nothing.
    ///
    /// With it, a restarted node returns to its ring, whatever `contacts` and `initialRing` say. If
    /// all nodes of a ring restart, they form one ring again. Each node of each ring needs its own
    /// folder. The last part of the path is created. A folder that another process uses, that
    /// belongs to another node, or that is not writable is an error of `ChordNode.init`. A disk
    /// error later causes one warning in the log, and no error.
    public var dataDirectory: String?
    /// The node's part of the ring's store; nil for a node that holds no data. A ring whose first node, or whose
    /// founders, have none is a ring without a store.
    public var store: StoreConfiguration?

    /// Limits of ``ChordNode/store``, by which the program itself reads and writes.
    public var storeClient = StoreClientLimits()
    /// How long to try to join, or to wait for the other founders; nil stands for ever.
    public var joinTimeout: Duration? = .seconds(60)
    /// The node's certificate files, and which certificates it accepts.
    public var certificates: Certificates
    /// Who may do what beyond the roles of certificates, and the audit of it.
    public var access = AccessConfiguration()
    /// The contracts of other implementations whose nodes may be members of the ring. Every member
    /// of this implementation needs the same set, because any member can become its neighbour.
    /// ``DialectName/native`` is always spoken.
    public var dialects: Set<DialectName> = []
    /// Intervals of maintenance.
    public var intervals = MaintenanceIntervals()
    /// How long a peer may be silent before it counts as dead.
    public var failureDetection = FailureDetection()
    /// Limits of lookups.
    public var lookups = LookupLimits()
    /// Settings of the protocol's state machine.
    package var machine = ChordMachine.Configuration()
    /// Sockets, connections and HTTP/2.
    public var transport = TransportConfiguration()
    /// Rate limits for statements of one peer that can change this node's place in the ring.
    public var statements = StatementLimits()
    /// Rate limits for log lines.
    public var logLimits = LogLimits()
    /// How long the node's services may delay leaving (``NodeService/nodeWillLeave(within:)``). A
    /// longer time lets them hand over more. A supervisor must wait longer than this and
    /// `leaveTimeout` together before it kills the process.
    public var handoverTimeout: Duration = .seconds(10)
    /// How long leaving the ring may take when the node stops. With a longer time slow neighbours
    /// learn of it; others detect it themselves.
    public var leaveTimeout: Duration = .seconds(20)
    /// How long calls in progress may take to end after the node has left.
    public var shutdownGrace: Duration = .seconds(5)
    /// The node's logger. The embedding program chooses its handler and level.
    public var logger = Logger(label: "chord")
    /// The event loops to run on. Nil creates a group of `eventLoopThreads` threads that ends with
    /// the node.
    public var eventLoopGroup: (any EventLoopGroup)?
    /// The number of threads of the node's own group. One thread serves some hundred thousand
    /// lookups per second. With more, each thread has its own connection to every peer.
    public var eventLoopThreads = 1

    /// A node of this name in this ring, with defaults for all other settings.
    public init(name: String, ring: RingConfiguration, certificates: Certificates) {
        self.name = name
        self.ring = ring
        self.certificates = certificates
    }
}
