// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A node and the ring as it sees it, at one moment: what it tells operators.
public struct NodeDescription: Hashable, Sendable {
    /// The node itself.
    public var node: NodeReference
    /// Where it is in its life.
    public var phase: NodePhase
    /// Its predecessor; itself when it is alone or no member.
    public var predecessor: NodeReference
    /// Its successors, nearest first; empty when it is alone.
    public var successors: [NodeReference]
    /// All that it routes by, clockwise from it.
    public var table: [NodeReference]
    /// What the ring's members have in common.
    public var parameters: RingParameters
    /// The version of the program that it runs.
    public var version: String
    /// How long it has been running; nil where it does not say.
    public var uptime: Duration?
    /// When its certificate ends, and what that rests on; nil where it does not say.
    public var certificates: CertificateEnds?
    /// Whether it cannot reach its first successor, while other members can.
    public var isHeadUnreached: Bool

    /// A description from its parts.
    public init(
        node: NodeReference,
        phase: NodePhase,
        predecessor: NodeReference,
        successors: [NodeReference],
        table: [NodeReference],
        parameters: RingParameters,
        version: String,
        uptime: Duration? = nil,
        certificates: CertificateEnds? = nil,
        isHeadUnreached: Bool = false
    ) {
        self.node = node
        self.phase = phase
        self.predecessor = predecessor
        self.successors = successors
        self.table = table
        self.parameters = parameters
        self.version = version
        self.uptime = uptime
        self.certificates = certificates
        self.isHeadUnreached = isHeadUnreached
    }

    /// What it owns; nil while it is no member.
    public var range: IdentifierRange? {
        phase == .member ? IdentifierRange(after: predecessor.id, through: node.id) : nil
    }

    /// What a routing view says.
    package init(
        _ view: RoutingView,
        version: String,
        uptime: Duration? = nil,
        certificates: CertificateEnds? = nil
    ) {
        self.init(
            node: view.node,
            phase: view.phase,
            predecessor: view.predecessor,
            successors: view.successors,
            table: view.table.entries,
            parameters: view.parameters,
            version: version,
            uptime: uptime,
            certificates: certificates,
            isHeadUnreached: view.unreachedHead != nil
        )
    }
}
