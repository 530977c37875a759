// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Claimants: nodes that claim to be our predecessor, until this node has reached them.
///
/// A Notify proves that its sender is alive and can dial us. It does not prove that others can dial
/// the sender. So a claimant is dialled at its advertised address before it is passed to
/// ``ChordMachine/notified(by:)``. For the proof of "How to Make Chord Correct" the Notify is only
/// late.
///
/// The table decides which claimant is dialled next, and which is not dialled again yet. It is
/// bounded: one dial per claimant, few at a time, the nearest claimant first. A claimant that could
/// not be reached waits longer each time, so that many such claimants do not starve one that can be
/// reached.
package struct ClaimTable: Hashable, Sendable {
    /// The bounds of the table. Times are in ticks, which are stabilize intervals.
    package struct Settings: Hashable, Sendable {
        /// The number of claimants dialled at the same time. A higher number accepts many joiners
        /// faster; a lower one limits the cost of unreachable claimants.
        package var dialLimit = 4
        /// The number of claimants that wait for their dial. Beyond it the farthest is dropped; it
        /// will notify again.
        package var waitingLimit = 32
        /// Ticks for which a node that has answered counts as reached without another question. A
        /// higher number saves questions; a lower one detects a closed port sooner.
        package var freshTicks = 3
        /// The longest wait of an unreachable claimant, in ticks. A longer wait costs fewer dials;
        /// a shorter one accepts the claimant sooner after its port opens. A claimant waits longer
        /// than this before it notifies again.
        package var longestWait = 8
        /// The number of nodes remembered as reached, and as not reached.
        package var memory = 64

        /// The defaults.
        package init() {}
    }

    /// A claimant.
    package struct Claim: Hashable, Sendable {
        /// The claimant as it describes itself.
        package var node: NodeReference
        /// Whether only an answer from its address proves its name, because its certificate does
        /// not.
        package var mustAnswer: Bool

        /// A claim from its parts.
        package init(_ node: NodeReference, mustAnswer: Bool = false) {
            self.node = node
            self.mustAnswer = mustAnswer
        }
    }

    /// The table's knowledge about a claimant.
    package enum Answer: Hashable, Sendable {
        /// The claimant was reached recently, and described itself like this.
        case reached(NodeReference)
        /// The claimant is being dialled, or waits for its dial.
        case trying
        /// The claimant could not be reached recently.
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

    /// The number of claimants that are being dialled.
    package var dialCount: Int { dialled.count }

    /// The number of claimants that wait for their dial.
    package var waitingCount: Int { waiting.count }

    /// The nodes that were reached lately.
    package var reachedNodes: [NodeReference] { reached.map(\.node) }

    /// A stabilize interval has passed.
    package mutating func tick() {
        now += 1
        reached.removeAll { now - $0.tick > settings.freshTicks }
    }

    /// A node claims to be our predecessor.
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

    /// Whether a claimant is dialled before another. Those that could not be reached come last;
    /// otherwise the nearer comes first.
    private func isBefore(_ left: NodeReference, _ right: NodeReference) -> Bool {
        let (leftFailed, rightFailed) = (hasFailed(left), hasFailed(right))
        if leftFailed != rightFailed { return rightFailed }
        return space.distance(from: left.id, to: owner) < space.distance(from: right.id, to: owner)
    }

    private func hasFailed(_ node: NodeReference) -> Bool {
        refused.contains { $0.node.id == node.id }
    }

    /// Takes the claimants that must be dialled now. Each dial ends in ``succeeded(_:as:)``,
    /// ``failed(_:reason:)`` or ``abandoned(_:)``.
    package mutating func nextDials() -> [Claim] {
        let count = min(waiting.count, settings.dialLimit - dialled.count)
        guard count > 0 else { return [] }
        let next = Array(waiting.prefix(count))
        waiting.removeFirst(count)
        dialled += next
        return next
    }

    /// A dial has reached its claimant, which describes itself as `node`.
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
            // A newer incarnation, or another address, starts without failures.
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

    /// A dial has ended without any knowledge about the claimant.
    package mutating func abandoned(_ claim: Claim) {
        dialled.removeAll { $0.node.id == claim.node.id }
    }

    /// A node has answered a question of this node, whatever its purpose.
    package mutating func answered(_ node: NodeReference) {
        guard node.id != owner else { return }
        reached.removeAll { $0.node.id == node.id }
        refused.removeAll { $0.node.id == node.id }
        if reached.count >= settings.memory { reached.removeFirst() }
        reached.append(Reached(node: node, tick: now))
    }

    /// A node did not answer a question of this node: it no longer counts as reached.
    package mutating func unanswered(_ id: Identifier) {
        reached.removeAll { $0.node.id == id }
    }
}
