// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordWire
import Logging

// What our head has decided about us, and what we own because of it.

extension NodeShell {
    /// Whether a node is to be notified now: one that cannot reach us is not told every time, and a node with
    /// a broken link of its own claims nothing.
    func mayNotify(_ peer: NodeReference) -> Bool {
        guard !reach.isLinkToBlame else { return false }
        guard let refusal = reach.refusal, refusal.head.id == peer.id else { return true }
        // A joiner is to learn soon whether it can join.
        return !reach.tenure.hasJoined || reach.ticks >= refusal.dueTick
    }

    /// A node that we have notified has answered.
    func notifyAnswered(by peer: NodeReference, _ said: PeerResponse) {
        guard machine.phase == .member, end == nil, said.result.status.isOK,
            peer.id == machine.successors.head?.id
        else { return }
        var verdict = NotifyVerdict.unspecified
        if said.dialect.name == .native {
            let reply = try? NotifyReply(
                decoding: said.result.message,
                space: configuration.parameters.space
            )
            verdict = reply?.verdict ?? .trying
        }
        switch verdict {
        case .taken, .unspecified:
            endRefusal()
            update { $0.confirm($1) }
        case .nearerKnown, .trying: break
        case .notReached(let address, let reason): refused(by: peer, address, reason)
        }
    }

    private func refused(by head: NodeReference, _ address: String, _ reason: String) {
        metrics.record(.bySuccessor)
        var refusal =
            reach.refusal
            ?? Reach.Refusal(head: head, reason: "", address: address, since: executor.now)
        if refusal.head.id != head.id || refusal.reason != reason || refusal.address != address {
            logger.warning(
                "our successor cannot reach this node at the address that it advertises",
                metadata: [
                    LogKeys.peer: "\(head)", LogKeys.address: "\(address)",
                    LogKeys.error: "\(reason)",
                ]
            )
            if refusal.head.id != head.id { refusal.count = 0 }
        }
        refusal.head = head
        refusal.address = address
        refusal.reason = reason
        let wait = refusal.count >= 16 ? Self.longestNotifyWait : 1 << refusal.count
        refusal.dueTick = reach.ticks + min(wait, Self.longestNotifyWait)
        refusal.count += 1
        reach.refusal = refusal
        update { tenure, _ in tenure.refuse() }
        guard !reach.tenure.hasJoined,
            executor.now - refusal.since >= configuration.intervals.refusalPatience
        else { return }
        reach.joinFailure = ChordError(
            .unreachable,
            "\(head.name) cannot reach us at \(address): \(reason). It is the node after this one's "
                + "place and must be able to dial it: open the port, or advertise an address that other "
                + "members can dial"
        )
        for key in pauses.keys.sorted() { endPause(key) }
    }

    /// The longest wait between two Notifies to a head that cannot reach us, in ticks.
    private static let longestNotifyWait = 15

    private func endRefusal() {
        guard let refusal = reach.refusal else { return }
        reach.refusal = nil
        logger.info(
            "our successor reaches this node again",
            metadata: [LogKeys.peer: "\(refusal.head)"]
        )
    }

    // MARK: What we own

    /// The head has answered with its state.
    func headAnswered(_ state: RingState) {
        guard machine.phase == .member, state.node.id == machine.successors.head?.id else { return }
        if state.predecessor.id == machine.node.id {
            endRefusal()
        } else if peers.dialects.isForeign(state.node.address) {
            // It says nothing about our Notify, and takes its time: its silence is no claim.
            return
        }
        update { $0.headNames(state.predecessor, head: state.node.id, in: $1) }
    }

    /// Changes whose the range is, publishes it and tells embedders.
    func update(_ change: (inout RangeTenure, RoutingView) -> [RingEvent]) {
        let before = reach.tenure.state
        let events = change(&reach.tenure, machine.view)
        if reach.tenure.state != before || !events.isEmpty { publish(events) }
        for event in events { report(event) }
    }

    /// - Parameter events: what embedders are told of the change.
    func publish(_ events: [RingEvent]) {
        changePlace(events) {
            var view = machine.view
            view.tenure = reach.tenure.state
            published.publish(view)
        }
    }

    /// Waits until the head has taken this node, which has joined, for its predecessor.
    ///
    /// - Parameter deadline: when to give up; nil stands for never.
    /// - Throws: `unreachable` where the head cannot reach this node; `noContact` when the time is over;
    ///   `stopped`.
    func waitUntilTaken(by deadline: MonotonicTime?) async throws(ChordError) {
        while !reach.tenure.hasJoined {
            try checkMayJoin()
            if let failure = reach.joinFailure { throw failure }
            var wait = configuration.intervals.stabilize
            if let deadline {
                let left = deadline - executor.now
                guard left > .zero else {
                    let head = machine.successors.head?.description ?? "the node after its place"
                    throw ChordError(
                        .noContact,
                        "\(head) has not taken this node for its predecessor in time; can it dial "
                            + "\(configuration.address)?"
                    )
                }
                wait = min(wait, left)
            }
            await pause(wait)
        }
    }
}
