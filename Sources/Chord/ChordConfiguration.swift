// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordCore
public import ChordHash
public import ChordRuntime
public import ChordTransport
public import Logging
public import NIOCore

/// What a ring's members must have in common. Nodes that differ in any of it refuse each other.
public struct RingConfiguration: Sendable {
    /// The ring's name.
    public var name: String
    /// The hash that makes identifiers of keys and names.
    public var hash: HashFunction = .sha256
    /// Bits of an identifier, 1 to 256, at most as many as the hash gives. Fewer make messages shorter
    /// and collisions likelier: two nodes at one identifier cannot both be members.
    public var width = 64
    /// Where node identifiers come from.
    public var identifierRule = IdentifierRule.name
    /// Length of the successor lists, 1 to 32. One less than this may crash at once without harm to the
    /// ring; each one more costs a reference in every maintenance answer.
    public var successorCount = 4

    /// A ring of this name with everything else at its default, which is that of a Concord ring.
    public init(name: String = "chord") {
        self.name = name
    }

    /// The parameters as they are compared and carried.
    ///
    /// - Throws: `ChordError` with `invalidConfiguration`.
    func parameters() throws(ChordError) -> RingParameters {
        guard (1...255).contains(name.utf8.count), !name.utf8.contains(0) else {
            throw ChordError(
                .invalidConfiguration,
                "a ring's name has 1 to 255 bytes and no zero byte"
            )
        }
        guard (1...32).contains(successorCount) else {
            throw ChordError(
                .invalidConfiguration,
                "successorCount is \(successorCount); it must be 1 to 32"
            )
        }
        do {
            try HashFunction.validate(hash: hash, width: width)
            let space = try IdentifierSpace(width: width)
            return RingParameters(
                ring: name,
                hash: hash.name,
                probe: hash.identifier(of: RingParameters.probeText, in: space),
                space: space,
                rule: identifierRule,
                successorCount: successorCount
            )
        } catch {
            throw ChordError(.invalidConfiguration, "the identifiers cannot be made", cause: error)
        }
    }
}

/// Everything that a node is told. What has a default can be left as it is.
public struct ChordConfiguration: Sendable {
    /// The node's name, 1 to 255 bytes: the one in its certificate.
    public var name: String
    /// The ring that it is a member of.
    public var ring: RingConfiguration
    /// Where to listen, as `host:port`; an IPv6 host in brackets. Port 0 lets the kernel choose.
    public var listen = "127.0.0.1:7946"
    /// What other nodes are told to dial; nil stands for `listen` with the port that it got. Needed
    /// where `listen` is a wildcard address or lies behind a translation.
    public var advertise: String?
    /// Addresses of members to join through, tried in turn. With any, this node never begins a ring that it
    /// was not a member of before; without any, and without `initialRing`, a node that never was a member
    /// becomes the first of a new ring.
    public var contacts: [String] = []
    /// The addresses that all founders of a new ring advertise, this node's own included, at most 64 and
    /// the same list at each of them. The ring begins when all of them are up, complete from its first
    /// second; a founder that finds it there already joins it. Empty for a ring that grows from one node,
    /// and for a node that was not there at its birth. Not together with `contacts`.
    ///
    /// A founder with a `dataDirectory` founds once: started again, it goes back to its ring. Without one,
    /// founders that all start again while other members live on found a second ring: restart them one
    /// after the other.
    public var initialRing: [String] = []
    /// A folder for what this node keeps from one life to the next: that it has been a member of its ring,
    /// and the members that it knew last, at most 32. Nil keeps nothing.
    ///
    /// With it a node that is started again goes back to its ring, whatever `contacts` and `initialRing`
    /// say, and a ring of which all nodes start again finds itself. The folder is one node's of one ring;
    /// the last part of its path is made. A folder that another process holds, that is another node's, or
    /// that cannot be written to, is an error of `ChordNode.init`. A disk that fails later is one warning in
    /// the log, and no error.
    public var dataDirectory: String?
    /// How long to try to join, or to wait for the other founders; nil stands for ever.
    public var joinTimeout: Duration? = .seconds(60)
    /// The node's certificate files, and whom it trusts.
    public var certificates: Certificates
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
    /// How often one peer may say something about itself that can change this node's place in the ring.
    public var statements = StatementLimits()
    /// How many log lines are written at the most.
    public var logLimits = LogLimits()
    /// How long the node's services may hold up leaving (``NodeService/nodeWillLeave(within:)``). More lets
    /// them hand over more; a supervisor that kills the process must be more patient than this and
    /// `leaveTimeout` together.
    public var handoverTimeout: Duration = .seconds(10)
    /// How long a member may take to leave the ring when it stops. More lets slow neighbours hear of it;
    /// one that does not hear of it finds out by itself.
    public var leaveTimeout: Duration = .seconds(20)
    /// How long calls under way may take to end when the node stops, after it has left.
    public var shutdownGrace: Duration = .seconds(5)
    /// Where the node logs to; its handler and level are the embedder's choice.
    public var logger = Logger(label: "chord")
    /// The event loops to run on. Nil makes a group of `eventLoopThreads` that ends with the node.
    public var eventLoopGroup: (any EventLoopGroup)?
    /// Threads of a group of the node's own. One serves some hundred thousand lookups per second;
    /// with more, each peer is connected once per thread.
    public var eventLoopThreads = 1

    /// A node of this name in this ring with everything else at its default.
    public init(name: String, ring: RingConfiguration, certificates: Certificates) {
        self.name = name
        self.ring = ring
        self.certificates = certificates
    }
}
