// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Nodes that say that they may be our predecessor, until this node has reached them.
///
/// A Notify proves that its sender is alive and can dial us; it does not prove that others can dial the sender.
/// So a claimant is dialled at the address that it advertises before ``ChordMachine/notified(by:)`` hears of
/// it. To the proof of "How to Make Chord Correct" the Notify is only late.
///
/// The table decides which claimant to dial next, and which not to dial again yet. It is bounded: one dial for each
/// claimant, few at a time, the nearest claimant first; one that could not be reached waits longer each time,
/// so that many that cannot be reached do not starve one that can.
package struct ClaimTable: Hashable, Sendable {
    /// The bounds of the table. Times are in ticks, which are stabilize intervals.
    package struct Settings: Hashable, Sendable {
        /// Claimants that are dialled at the same time. More take many joiners in faster; fewer bound what
        /// claimants that cannot be reached cost.
        package var dialLimit = 4
        /// Claimants that wait for their dial. Beyond it the farthest is left out; it notifies again.
        package var waitingLimit = 32
        /// Ticks for which a node that has answered counts as reached without being asked again. More save
        /// questions; fewer notice sooner that a port has been closed.
        package var freshTicks = 3
        /// The longest wait of a claimant that could not be reached, in ticks. A longer one costs fewer dials;
        /// a shorter one takes the claimant in sooner once its port is open. A claimant waits longer than that
        /// before it notifies again.
        package var longestWait = 8
        /// Nodes that are remembered as reached, and as not reached.
        package var memory = 64

        /// The defaults.
        package init() {}
    }

    /// A claimant.
    package struct Claim: Hashable, Sendable {
        /// The claimant as it describes itself.
        package var node: NodeReference
        /// Whether only its own answer proves its name, as its certificate does not.
        package var mustAnswer: Bool

        /// A claim from its parts.
        package init(_ node: NodeReference, mustAnswer: Bool = false) {
            self.node = node
            self.mustAnswer = mustAnswer
        }
    }

    /// The knowledge about a claimant.
    package enum Answer: Hashable, Sendable {
        /// It was reached a short while ago, and described itself like this.
        case reached(NodeReference)
        /// It is dialled, or waits for its dial.
        case trying
        /// It could not be reached a short while ago.
        case notReached(reason: String)
    }

    private struct Reached: Hashable {
        var node: NodeReference
        var tick: Int
    }

    private struct Refused: Hashable {
        var node: NodeReference
        var failures: Int
        var dueTick: Int
        var reason: String
    }

    private let owner: Identifier
    private let space: IdentifierSpace
    private let settings: Settings
    private var now = 0
    private var waiting: [Claim] = []
    private var dialled: [Claim] = []
    private var reached: [Reached] = []
    private var refused: [Refused] = []

    /// An empty table of the node at `owner`.
    package init(owner: Identifier, space: IdentifierSpace, settings: Settings = Settings()) {
        self.owner = owner
        self.space = space
        self.settings = settings
    }

    /// How many claimants are dialled now.
    package var dialCount: Int { dialled.count }

    /// How many claimants wait for their dial.
    package var waitingCount: Int { waiting.count }

    /// A stabilize interval has passed.
    package mutating func tick() {
        now += 1
        reached.removeAll { now - $0.tick > settings.freshTicks }
    }

    /// A node says that it may be our predecessor.
    package mutating func claimed(_ claim: Claim) -> Answer {
        let node = claim.node
        if let known = reached.first(where: { $0.node == node }) { return .reached(known.node) }
        if let known = refused.first(where: { $0.node == node }), now < known.dueTick {
            return .notReached(reason: known.reason)
        }
        if dialled.contains(where: { $0.node.id == node.id }) { return .trying }
        waiting.removeAll { $0.node.id == node.id }
        let index = waiting.firstIndex { isBefore(node, $0.node) } ?? waiting.count
        waiting.insert(claim, at: index)
        if waiting.count > settings.waitingLimit { waiting.removeLast() }
        return .trying
    }

    /// Whether a claimant is dialled before another: those that could not be reached come last, and of two
    /// the nearer comes first.
    private func isBefore(_ left: NodeReference, _ right: NodeReference) -> Bool {
        let (leftFailed, rightFailed) = (hasFailed(left), hasFailed(right))
        if leftFailed != rightFailed { return rightFailed }
        return space.distance(from: left.id, to: owner) < space.distance(from: right.id, to: owner)
    }

    private func hasFailed(_ node: NodeReference) -> Bool {
        refused.contains { $0.node.id == node.id }
    }

    /// Takes the claimants that are to be dialled now; each ends in ``succeeded(_:as:)``,
    /// ``failed(_:reason:)`` or ``abandoned(_:)``.
    package mutating func nextDials() -> [Claim] {
        let count = min(waiting.count, settings.dialLimit - dialled.count)
        guard count > 0 else { return [] }
        let next = Array(waiting.prefix(count))
        waiting.removeFirst(count)
        dialled += next
        return next
    }

    /// A dial has reached its claimant, which says of itself that it is `node`.
    package mutating func succeeded(_ claim: Claim, as node: NodeReference) {
        abandoned(claim)
        answered(node)
    }

    /// No member could reach the claimant.
    ///
    /// - Returns: whether this is new.
    @discardableResult
    package mutating func failed(_ claim: Claim, reason: String) -> Bool {
        abandoned(claim)
        let node = claim.node
        var failures = 0
        if let index = refused.firstIndex(where: { $0.node.id == node.id }) {
            let former = refused.remove(at: index)
            // A newer life, or another address, begins anew.
            if former.node == node { failures = former.failures }
        }
        if refused.count >= settings.memory { refused.removeFirst() }
        let shift = max(0, failures - 1)
        let wait = shift >= 16 ? settings.longestWait : min(1 << shift, settings.longestWait)
        refused.append(
            Refused(node: node, failures: failures + 1, dueTick: now + wait, reason: reason)
        )
        return failures == 0
    }

    /// A dial has ended without saying anything about the claimant.
    package mutating func abandoned(_ claim: Claim) {
        dialled.removeAll { $0.node.id == claim.node.id }
    }

    /// A node has answered a question of ours, whatever it was asked for.
    package mutating func answered(_ node: NodeReference) {
        guard node.id != owner else { return }
        reached.removeAll { $0.node.id == node.id }
        refused.removeAll { $0.node.id == node.id }
        if reached.count >= settings.memory { reached.removeFirst() }
        reached.append(Reached(node: node, tick: now))
    }

    /// A node did not answer a question of ours: that it was reached before counts no more.
    package mutating func unanswered(_ id: Identifier) {
        reached.removeAll { $0.node.id == id }
    }
}
