// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordWire
import Logging

// The head's verdict about this node, and the range that this node owns because of it.

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
        // A node that joins looks again whether to wait any longer.
        if !reach.tenure.hasJoined { endPauses() }
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

    // MARK: The owned range

    /// The head has answered with its state.
    func headAnswered(_ state: RingState) {
        guard machine.phase == .member, state.node.id == machine.successors.head?.id else { return }
        if state.predecessor.id == machine.node.id {
            endRefusal()
        } else if peers.dialects.isForeign(state.node.address) {
            // It does not answer Notifies, and may be slow: its silence is no claim.
            return
        }
        update { $0.headNames(state.predecessor, head: state.node.id, in: $1) }
    }

    /// Changes the tenure of the range, publishes it and tells embedders.
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
}
