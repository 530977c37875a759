// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A node's state and its view of the ring at one moment, for operators.
public struct NodeDescription: Hashable, Sendable {
    /// The node itself.
    public var node: NodeReference
    /// The node's phase.
    public var phase: NodePhase
    /// The predecessor; the node itself if it is alone or not a member.
    public var predecessor: NodeReference
    /// The successor list, nearest first; empty if the node is alone.
    public var successors: [NodeReference]
    /// The routing table, clockwise from the node.
    public var table: [NodeReference]
    /// The parameters that all members of the ring share.
    public var parameters: RingParameters
    /// The version of the node's program.
    public var version: String
    /// The time since the node started; nil if it does not tell.
    public var uptime: Duration?
    /// The expiry times of its certificates; nil if it does not tell.
    public var certificates: CertificateEnds?
    /// Whether it cannot reach its first successor, while other members can.
    public var isHeadUnreached = false

    /// Makes a description from its parts.
    public init(
        node: NodeReference,
        phase: NodePhase,
        predecessor: NodeReference,
        successors: [NodeReference],
        table: [NodeReference],
        parameters: RingParameters,
        version: String,
        uptime: Duration? = nil,
        certificates: CertificateEnds? = nil
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
    }

    /// The range that the node owns; nil if it is not a member.
    public var range: IdentifierRange? {
        phase == .member ? IdentifierRange(after: predecessor.id, through: node.id) : nil
    }

    /// A description of a routing view.
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
            certificates: certificates
        )
        isHeadUnreached = view.unreachedHead != nil
    }
}
