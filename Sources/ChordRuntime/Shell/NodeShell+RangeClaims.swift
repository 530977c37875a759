// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
package import ChordIdentity
import ChordRPC
import Logging
import NIOConcurrencyHelpers

// The handover of a range from a member that is taken for dead, in two steps.
//
// A member that no other member reaches may be alive, and own its range until it learns that its head names
// another predecessor. So the head first names the other, and leaves the range to the member. It takes the
// range over when the member has shown in a later call that it knows, or when the member would have learned
// of it by now if it were alive (RangeClaim, GrantTable).

extension RuntimeConfiguration {
    /// The longest time between two questions of this node to its head. A tick may be late.
    var claimInterval: Duration { intervals.stabilize * (1.25 + intervals.jitter) }

    /// The time in which this node learns that its head names another predecessor, from the head or, if
    /// it cannot reach the head, through other members: an interval, two calls, and the probes.
    var claimHold: Duration {
        intervals.stabilize * (1 + intervals.jitter) + failureDetection.maintenanceFloor
            + failureDetection.connect + failureDetection.probe
    }
}

/// What this node has left to its predecessor. Questions arrive on the executor of each connection.
final class Grants: Sendable {
    private let box = NIOLockedValueBox(GrantTable())

    func withTable<Result>(_ body: (inout GrantTable) -> Result) -> Result {
        box.withLockedValue { body(&$0) }
    }
}

extension MonotonicTime {
    /// The time as ``GrantTable`` counts it.
    fileprivate var sinceZero: Duration { .nanoseconds(nanoseconds) }
}

extension NodeShell {
    // MARK: The member

    /// This node's claim, for its head. Nil for other nodes, and for intervals beyond the contract.
    func claim(to peer: NodeReference) -> RangeClaim? {
        guard machine.phase == .member, peer.id == machine.successors.head?.id,
            configuration.claimHold <= RangeClaim.longest,
            configuration.claimInterval <= RangeClaim.longest
        else { return nil }
        return RangeClaim(
            id: machine.node.id,
            number: machine.node.incarnation &+ reach.tenure.releases,
            interval: configuration.claimInterval,
            hold: configuration.claimHold
        )
    }

    /// A member has asked the head, which this node cannot reach, and the head named `predecessor`.
    ///
    /// Such an answer can only end this node's tenure. It does not give a range.
    func headNames(
        _ predecessor: NodeReference,
        head: NodeReference,
        inAnswerTo claim: RangeClaim
    ) {
        guard machine.phase == .member, head.id == machine.successors.head?.id,
            predecessor.id != machine.node.id,
            claim.number == machine.node.incarnation &+ reach.tenure.releases,
            admissible([predecessor]).count == 1
        else { return }
        update { $0.headNames(predecessor, head: head.id, in: $1) }
    }

    /// A process that stood still may have lost its range meanwhile. It asks before it owns it again.
    func noteStandstill() {
        let now = executor.now
        defer { reach.lastTick = now }
        guard let last = reach.lastTick, now - last > configuration.claimHold else { return }
        guard machine.successors.head != nil else { return }
        update { tenure, _ in
            tenure.stoodStill()
            return []
        }
    }

    // MARK: The head

    /// A claim has arrived, and its question is answered from `view` afterwards.
    nonisolated func arrived(
        _ claim: RangeClaim,
        from peer: PeerIdentity,
        in view: RoutingView
    ) -> GrantTable.Outcome {
        let owners = [view.predecessor] + view.formerOwners
        guard let owner = owners.first(where: { $0.id == claim.id }), peer.role == .node,
            claim.isForwarded || peer.mayBe(owner)
        else { return .granted }
        let now = executor.now.sinceZero
        let outcome = grants.withTable { $0.arrived(claim, at: now) }
        if outcome == .released { enter { $0.released(by: owner) } }
        return outcome == .released ? .stopped : outcome
    }

    /// A node has ended its last connection to this one.
    package nonisolated func callerLost(_ peer: PeerIdentity) {
        let view = view
        let now = executor.now.sinceZero
        for owner in [view.predecessor] + view.formerOwners where peer.mayBe(owner) {
            let isOver = grants.withTable { $0.callerLost(owner.id, at: now) }
            if isOver { enter { $0.released(by: owner) } }
        }
    }

    /// The answer to a Notify with this claim names its sender as predecessor.
    func granted(_ claim: RangeClaim) {
        guard claim.id == machine.predecessor.id else { return }
        let now = executor.now.sinceZero
        _ = grants.withTable { $0.arrived(claim, at: now) }
    }

    /// No member reaches a node. If it is the predecessor and another takes its place, its range is left
    /// to it for as long as it may own it.
    ///
    /// - Parameter isRefused: whether nothing listens at its address.
    func died(_ peer: NodeReference, _ token: Token, isRefused: Bool) {
        if peer.id == machine.successors.head?.id {
            reach.tenure.headDied()
            reach.headLossTime =
                isRefused ? configuration.claimInterval : configuration.claimHold
        }
        var end: Duration?
        let now = executor.now.sinceZero
        if peer.id == machine.predecessor.id, machine.peer(askedUnder: token)?.id == peer.id {
            end = grants.withTable { $0.stop(peer.id, isRefused: isRefused, at: now) }
        }
        answered(
            .dead,
            peer,
            token,
            releases: reach.tenure.releases,
            mayOwnRange: end != nil
        )
        guard let end, machine.formerOwners.contains(where: { $0.id == peer.id }) else { return }
        logger.info(
            "no member reaches the predecessor; its range is taken over when it has given it up",
            metadata: [LogKeys.peer: "\(peer)"]
        )
        _ = executor.schedule(after: end - now) { [weak self] in
            self?.assumeIsolated { shell in
                // The node may have been the predecessor again meanwhile.
                let now = shell.executor.now.sinceZero
                let isOver = shell.grants.withTable { $0.isOver(peer.id, at: now) }
                if isOver { shell.released(by: peer) }
            }
        }
    }

    private func released(by owner: NodeReference) {
        guard end == nil else { return }
        perform(machine.released(by: owner.id))
    }

    /// Whether a joiner whose head has failed before it gave it a range may own one now.
    ///
    /// Only the failed head knew all nodes that had joined before it. The new head knows them if they were
    /// named to it in a Leave. Else each of them notices the failure in the time of its own claim, and notifies
    /// the node after it.
    ///
    /// - Parameter isTold: whether the new head has named the node before this one.
    func isPlaceSure(isTold: Bool, at now: MonotonicTime) -> Bool {
        guard reach.tenure.hasLostHead, !isTold || reach.tenure.hasHeadDied else { return true }
        return reach.placeSureTime.map { now >= $0 } ?? false
    }

    private func noteHeadLoss() {
        let time = reach.headLossTime.take()
        guard reach.tenure.hasLostHead else { return reach.placeSureTime = nil }
        guard time != nil || reach.placeSureTime == nil else { return }
        reach.placeSureTime = executor.now + (time ?? configuration.claimInterval)
    }

    /// Brings the table of grants, and this node's tenure, in line with the machine.
    func settleRanges() {
        let former = machine.formerOwners.map(\.id)
        let predecessor = machine.predecessor.id
        grants.withTable { $0.keep(predecessor: predecessor, former: former) }
        let head = machine.successors.head?.id
        guard head != reach.tenureHead else { return }
        reach.tenureHead = head
        noteHeadLoss()
        if machine.phase == .member { update { $0.headChanged($1) } }
    }
}
