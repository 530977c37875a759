// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore
package import ChordHash

/// Intervals of maintenance. All of them are per node and run on its executor's clock.
public struct MaintenanceIntervals: Hashable, Sendable {
    /// Time between two maintenance rounds. Shorter finds crashes sooner, longer costs less.
    public var stabilize: Duration = .seconds(1)
    /// The share by which each interval varies at random, so that nodes do not march in step.
    public var jitter = 0.25
    /// The wait before a prompt round: it gathers what changes at the same moment.
    public var promptDelay: Duration = .milliseconds(5)
    /// The first wait after a failed attempt to join; doubled up to `joinRetryCap`.
    public var joinRetry: Duration = .milliseconds(100)
    /// The longest wait between two attempts to join.
    public var joinRetryCap: Duration = .seconds(2)
    /// Time between two lines in the log of a node that is not a member yet and says why. Shorter tells
    /// sooner what changes, longer keeps the log of a node that waits for hours small.
    public var joinReport: Duration = .seconds(5)
    /// How long a joiner goes on whose successor-to-be says that it cannot reach the joiner. Longer waits for
    /// a port that is about to be opened; shorter tells the operator sooner.
    public var refusalPatience: Duration = .seconds(5)
    /// How long a founder that was reached counts as being there, and a decision to found the ring as new:
    /// a few of the longest waits, so that one lost answer among many does not make all founders wait.
    var founderLifetime: Duration { joinRetryCap * 5 }

    /// The defaults.
    public init() {}
}

/// How long silence may last before a peer counts as dead.
///
/// The time allowed is srtt + 4 · variance of the peer's round trips (Jacobson), between `floor` and
/// `cap`; it runs to the first sign of acceptance, not to the answer, so that a stopped node is blamed
/// and not the healthy one before it.
public struct FailureDetection: Hashable, Sendable {
    /// The time allowed to a peer of which no round trip is known, and for the second question, over a
    /// new connection, that maintenance asks a silent peer before it counts as dead.
    public var initial: Duration = .milliseconds(500)
    /// Never less than this for a forwarded lookup: a busy machine is slow at times. Lower routes
    /// around a stopped node sooner, and around a busy one needlessly.
    public var lookupFloor: Duration = .milliseconds(100)
    /// Never less than this for maintenance, where a false verdict takes a live node out of the ring.
    public var maintenanceFloor: Duration = .seconds(1)
    /// Never more than this.
    public var cap: Duration = .seconds(3)
    /// The time allowed to connect, handshake included. A lookup, which has others to ask, allows
    /// `initial` at most.
    public var connect: Duration = .seconds(1)
    /// The time allowed to other members that are asked whether they reach a node that this one does not,
    /// before that node counts as dead or is refused. It is more than `connect`, as they dial it.
    public var probe: Duration = .seconds(2)

    /// The defaults.
    public init() {}

    /// All limits in proportion to the time that maintenance allows, of which one second gives the defaults.
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
    /// The time a lookup may take when the caller does not say. It travels along.
    public var deadline: Duration = .seconds(5)
    /// The longest time that a caller may ask for; a longer one is cut.
    public var longestDeadline: Duration = .seconds(60)
    /// Forwardings allowed; nil stands for twice the identifiers' width.
    public var hopBudget: Int?
    /// The share of the time left that one node gets for its answer once it has accepted the question; the
    /// rest is for the next best. Each node on the way hands the shortened time on, so that the node right
    /// before a silent one gives up first. More leaves healthy but slow rings more time, less finds a way
    /// around a node that stays silent sooner. From 0.1 to 0.9.
    public var answerShare = 0.7
    /// How many ways, which share no node, a verified lookup goes. More need more liars to be turned, and
    /// cost as many lookups.
    public var verifiedWays = 3

    /// The defaults.
    public init() {}

    /// The defaults, with a deadline in which several peers may be as silent as maintenance allows.
    public init(allowing peerTimeout: Duration) {
        deadline = max(deadline, peerTimeout * 5)
        longestDeadline = max(longestDeadline, deadline)
    }

    /// The answer share within its bounds.
    var boundedAnswerShare: Double { answerShare.isFinite ? min(0.9, max(0.1, answerShare)) : 0.7 }
}

/// All that the runtime is told.
package struct RuntimeConfiguration: Sendable {
    package var name: String
    /// What others are told to dial, as `host:port`.
    package var address: String
    package var parameters: RingParameters
    package var hash: HashFunction
    package var intervals = MaintenanceIntervals()
    package var failureDetection = FailureDetection()
    package var lookups = LookupLimits()
    package var machine = ChordMachine.Configuration()
    /// How far ahead of this machine's clock the incarnation of another node may lie. More bears clocks
    /// that differ more; less leaves a peer less room to invent incarnations. See ``Incarnation``.
    package var clockTolerance: Duration = .seconds(24 * 60 * 60)
    /// How often one peer may say something about itself.
    package var statements = StatementLimits()
    /// How long services may hold up leaving.
    package var handoverTimeout: Duration = .seconds(10)
    /// How long leaving may take after that.
    package var leaveTimeout: Duration = .seconds(20)
    /// The contracts of other makes that are spoken besides our own.
    package var dialects: Set<DialectName> = []
    /// When the node's certificates end, as it tells operators. They may be read anew at any time.
    package var certificateEnds: @Sendable () -> CertificateEnds? = { nil }

    package init(name: String, address: String, parameters: RingParameters, hash: HashFunction) {
        self.name = name
        self.address = address
        self.parameters = parameters
        self.hash = hash
    }

    /// The identifier of a node under the ring's rule.
    package func identifier(name: String, address: String) -> Identifier {
        parameters.rule.identifier(
            name: name,
            address: address,
            hash: hash,
            space: parameters.space
        )
    }
}

extension IdentifierRule {
    /// The identifier of a node.
    package func identifier(
        name: String,
        address: String,
        hash: HashFunction,
        space: IdentifierSpace
    ) -> Identifier {
        switch self {
        case .name: hash.identifier(of: name, in: space)
        case .address: hash.identifier(of: address, in: space)
        }
    }
}
