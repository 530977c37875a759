// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordBase
package import ChordCore
package import ChordHash

/// Intervals of maintenance. Each node uses its own, on its executor's clock.
public struct MaintenanceIntervals: Hashable, Sendable {
    /// Time between two maintenance rounds. A shorter time detects crashes sooner; a longer one
    /// costs less.
    public var stabilize: Duration = .seconds(1)
    /// The fraction by which each interval varies at random, so that nodes do not work in step.
    public var jitter = 0.25
    /// The wait before a prompt round. It collects changes that happen at the same moment.
    public var promptDelay: Duration = .milliseconds(5)
    /// The wait after the first failed attempt to join. It doubles up to `joinRetryCap`.
    public var joinRetry: Duration = .milliseconds(100)
    /// The longest wait between two attempts to join.
    public var joinRetryCap: Duration = .seconds(2)
    /// Time between two log lines that say why the node is not a member yet. A shorter time reports
    /// changes sooner; a longer one keeps the log small while a node waits for hours.
    public var joinReport: Duration = .seconds(5)
    /// How long a joiner keeps trying while its successor reports that it cannot dial the joiner. A
    /// longer time waits for a port that is about to be opened; a shorter one tells the operator
    /// sooner.
    public var refusalPatience: Duration = .seconds(5)
    /// How long a reached founder counts as present, and how long a decision to found the ring
    /// counts as new. It is a few times the longest wait, so that one lost answer among many does
    /// not make all founders wait.
    var founderLifetime: Duration { joinRetryCap * 5 }

    /// The default values.
    public init() {}
}

/// How long a peer may be silent before it counts as dead.
///
/// The peer timeout is srtt + 4 · variance of the peer's round trips (Jacobson), between a floor
/// and `cap`. It runs until the peer accepts the call, not until it answers. A stopped node is
/// therefore blamed itself, and not the healthy node before it.
public struct FailureDetection: Hashable, Sendable {
    /// The timeout for a peer without a known round-trip time. It also applies to the second call,
    /// over a new connection, that maintenance makes before a silent peer counts as dead.
    public var initial: Duration = .milliseconds(500)
    /// The shortest timeout of a forwarded lookup, because a busy machine is slow at times. A lower
    /// value routes around a stopped node sooner, but sometimes also around a busy one. After a tenth
    /// of it at the earliest, another node is asked beside the silent one.
    public var lookupFloor: Duration = .milliseconds(100)
    /// The shortest timeout of maintenance calls, where a wrong verdict removes a live node from
    /// the ring.
    public var maintenanceFloor: Duration = .seconds(1)
    /// The longest timeout.
    public var cap: Duration = .seconds(3)
    /// The time to connect, including the handshake. Lookups allow at most `initial`, because they
    /// can ask other nodes.
    public var connect: Duration = .seconds(1)
    /// The time that other members get to say whether they reach a node that this one does not
    /// reach. It is longer than `connect`, because they dial the node.
    public var probe: Duration = .seconds(2)

    /// The default values.
    public init() {}

    /// All limits in proportion to the shortest timeout of maintenance. One second gives the
    /// defaults.
    public init(allowing time: Duration) {
        initial = time / 2
        lookupFloor = time / 10
        maintenanceFloor = time
        cap = time * 3
        connect = time
        probe = time * 2
    }
}

/// Settings of lookups.
public struct LookupLimits: Hashable, Sendable {
    /// The deadline of a lookup if the caller sets none. It is passed on with the lookup.
    public var deadline: Duration = .seconds(5)
    /// The longest deadline that a caller may set; a longer one is cut.
    public var longestDeadline: Duration = .seconds(60)
    /// The largest number of hops; nil stands for twice the identifier width.
    public var hopBudget: Int?
    /// The fraction of the remaining time that a node gets for its answer once it has accepted the
    /// request. The rest is for the next best node. Each node passes the shorter deadline on, so
    /// that the node just before a silent one gives up first. A higher value gives slow but healthy
    /// rings more time; a lower one finds a way around a silent node sooner. From 0.1 to 0.9.
    public var answerShare = 0.7
    /// The number of paths of a verified lookup, which share no node. More paths tolerate more
    /// lying nodes; each path costs one lookup.
    public var verifiedWays = 3
    /// The memory for members that are known beside the routing table, in bytes. They come from answers to lookups
    /// and from neighbours, and make most lookups take one hop. About 200 bytes are needed for each; with 0 lookups go by
    /// the routing table alone.
    public var memberCacheBytes = 2 << 20
    /// How long such a member is used after it was last heard of. A longer time knows more members of a ring with few
    /// lookups; a shorter one asks fewer that have gone.
    public var memberCacheAge: Duration = .seconds(300)

    /// The default values.
    public init() {}

    /// The default values, with a deadline that tolerates several peers that are silent for the
    /// whole peer timeout.
    public init(allowing peerTimeout: Duration) {
        deadline = max(deadline, peerTimeout * 5)
        longestDeadline = max(longestDeadline, deadline)
    }

    package var memberCache: MemberCache.Limits {
        MemberCache.Limits(bytes: memberCacheBytes, age: memberCacheAge)
    }

    /// The answer share within its bounds.
    var boundedAnswerShare: Double { answerShare.isFinite ? min(0.9, max(0.1, answerShare)) : 0.7 }
}

/// The configuration of the runtime.
package struct RuntimeConfiguration: Sendable {
    package var name: String
    /// The address that is advertised to other nodes, as `host:port`.
    package var address: String
    /// What the node fails together with, for its reference; empty if not known.
    package var failureDomain = ""
    /// The parameters of a ring that this node begins, and of those that it joins.
    package var parameters: RingParameters
    /// The parameters that this node takes over from the ring that it joins.
    package var adoption = RingAdoption()
    package var hash: HashFunction
    /// The disk on which the node holds a part of the ring's store; nil if it holds none.
    package var disk: DiskID?
    package var intervals = MaintenanceIntervals()
    package var failureDetection = FailureDetection()
    package var lookups = LookupLimits()
    package var machine = ChordMachine.Configuration()
    /// How far another node's incarnation may lie ahead of this machine's clock. A larger value
    /// tolerates clocks that differ more; a smaller one leaves a peer less freedom to invent
    /// incarnations. See ``Incarnation``.
    package var clockTolerance: Duration = .seconds(24 * 60 * 60)
    /// Rate limits for statements of peers about themselves.
    package var statements = StatementLimits()
    /// How long services may delay leaving.
    package var handoverTimeout: Duration = .seconds(10)
    /// How long leaving may take after that.
    package var leaveTimeout: Duration = .seconds(20)
    /// The dialects of other implementations that are spoken besides our own.
    package var dialects: Set<DialectName> = []
    /// The expiry dates of the node's certificates, for operators. The function may be called at
    /// any time.
    package var certificateEnds: @Sendable () -> CertificateEnds? = { nil }
    /// Decides who may do what beyond roles; nil if roles decide alone.
    package var accessControl: AccessControl?

    package init(name: String, address: String, parameters: RingParameters, hash: HashFunction) {
        self.name = name
        self.address = address
        self.parameters = parameters
        self.hash = hash
    }

    /// Where the ring's rule puts nodes.
    package var rule: PlaceRule {
        PlaceRule(parameters, hash: hash)
    }
}

extension PlaceRule {
    /// The rule of a ring's parameters.
    package init(_ parameters: RingParameters, hash: HashFunction) {
        let (rule, space) = (parameters.rule, parameters.space)
        self.init { node, index in
            rule.identifier(of: node, at: index, hash: hash, space: space)
        }
    }
}

extension IdentifierRule {
    /// The identifier of one of a node's places.
    package func identifier(
        of node: NodeReference,
        at index: Int,
        hash: HashFunction,
        space: IdentifierSpace
    ) -> Identifier {
        let text =
            switch self {
            case .name: node.name
            case .address: node.address
            }
        return hash.identifier(of: PlaceRule.text(text, index: index), in: space)
    }
}
