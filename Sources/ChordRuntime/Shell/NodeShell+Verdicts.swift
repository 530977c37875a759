// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordWire
import Logging

// The head's verdict about this node, and the range that this node owns as a result.

extension NodeShell {
    /// Whether a node is to be notified now. A head that cannot reach this node is notified less
    /// often. A node with a broken link of its own sends no claims.
    func mayNotify(_ peer: NodeReference) -> Bool {
        guard !reach.isLinkToBlame else { return false }
        guard let refusal = reach.refusal, refusal.head.id == peer.id else { return true }
        // A joiner must learn soon whether it can join.
        return !reach.tenure.hasJoined || reach.ticks >= refusal.dueTick
    }

    /// Handles the answer to a Notify.
    ///
    /// - Parameter releases: how often this node had given its range up when it sent the Notify.
    func notifyAnswered(by peer: NodeReference, _ said: PeerResponse, releases: UInt64) {
        guard machine.phase == .member, end == nil, said.result.status.isOK,
            peer.id == machine.successors.head?.id
        else { return }
        var reply = NotifyReply(.unspecified)
        if said.dialect.name == .native {
            let read = try? NotifyReply(
                decoding: said.result.message,
                space: parameters.space
            )
            if let read { heard(read.capabilities, of: peer) }
            reply = read ?? NotifyReply(.trying)
        }
        switch reply.verdict {
        case .taken, .unspecified:
            endRefusal()
            guard releases == reach.tenure.releases else { return }
            // Applied before the range is held: another node may own a part of it by now.
            if reach.tenure.state != .held {
                let former = admissible([reply.former].compactMap(\.self)).first
                if let former { perform(machine.taken(inPlaceOf: former)) }
                guard
                    reply.verdict == .unspecified
                        || isPlaceSure(isTold: former != nil, at: executor.now)
                else { return }
            }
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
                "the successor cannot reach this node at its advertised address",
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
        // A joiner decides again whether to wait.
        if !reach.tenure.hasJoined { endPauses() }
    }

    /// The longest wait, in ticks, between two Notifies to a head that cannot reach this node.
    private static let longestNotifyWait = 15

    private func endRefusal() {
        guard let refusal = reach.refusal else { return }
        reach.refusal = nil
        logger.info(
            "the successor reaches this node again",
            metadata: [LogKeys.peer: "\(refusal.head)"]
        )
    }

    // MARK: The owned range

    /// Handles the head's answer with its state.
    ///
    /// - Parameter releases: how often this node had given its range up when it asked.
    func headAnswered(_ state: RingState, releases: UInt64) {
        guard machine.phase == .member, state.node.id == machine.successors.head?.id else { return }
        if state.predecessor.id == machine.node.id {
            endRefusal()
            // The answer to a Notify also says where the range begins, and this one does not.
            if reach.tenure.state != .held, !peers.dialects.isForeign(state.node.address) {
                return notify(state.node, changed: false)
            }
        } else if peers.dialects.isForeign(state.node.address) {
            // The head does not answer Notifies and may be slow: its silence is no refusal.
            return
        }
        guard releases == reach.tenure.releases else { return }
        update { $0.headNames(state.predecessor, head: state.node.id, in: $1) }
    }

    /// Changes the tenure of the range, publishes it and reports it to embedders.
    func update(_ change: (inout RangeTenure, RoutingView) -> [RingEvent]) {
        let before = reach.tenure.state
        let events = change(&reach.tenure, machine.view)
        if reach.tenure.state != before || !events.isEmpty { publish(events) }
        for event in events { report(event) }
    }

    /// - Parameter events: the events that embedders receive for this change.
    func publish(_ events: [RingEvent]) {
        changePlace(events) {
            var view = machine.view
            view.tenure = reach.tenure.state
            published.publish(view)
        }
    }
}
