// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import Logging

extension StoreNode {
    /// Messages of other replicas have come from a node, whose certificate has this name.
    func receive(_ messages: [GroupMessage], from node: String) {
        guard failure == nil else { return }
        for received in messages { receive(received, from: node) }
    }

    private func receive(_ received: GroupMessage, from node: String) {
        guard let replica = replicas[received.range] else {
            return makeReplica(for: received, from: node)
        }
        let message = received.message
        guard message.to == replica.number else {
            // A later replica of this disk has a higher number, so this one was removed.
            if message.to > replica.number { askAtOnce(about: replica) }
            return
        }
        guard accepts(message.from, on: node, by: received.descriptor, for: replica) else { return }
        if let descriptor = received.descriptor { replica.remember(descriptor) }
        replica.heardFrom.insert(message.from)
        // After a restart a damaged replica takes part again, until it meets the damage again.
        if !replica.lost.isEmpty { replica.lost.remove(message.from) }
        // A leader without room would refuse writes that others can take.
        if case .timeoutNow = message.body, isDiskFull { return }
        driveTogether(replica) { step(message, into: &$0, of: replica.range) }
    }

    func step(_ message: RaftMessage, into machine: inout RaftMachine, of range: RangeID) {
        do throws(RaftRefusal) {
            try machine.step(message, from: message.from)
        } catch {
            logger.debug(
                "a message was refused: \(error)",
                metadata: [StoreLogKeys.range: "\(range)"]
            )
        }
    }

    /// Whether a message of this sender counts. A replica that lags behind does not know all present ones; before
    /// it believes the descriptor that a sender brings, a node that it does know has to confirm it.
    func accepts(
        _ sender: ReplicaNumber,
        on node: String,
        by descriptor: RangeDescriptor?,
        for replica: Replica
    ) -> Bool {
        let known = [replica.view.descriptor, replica.told].compactMap { $0 }
        if known.contains(where: { $0.replica(sender)?.node == node }) { return true }
        guard descriptor?.replica(sender)?.node == node, now >= replica.nextSenderInquiry else {
            return false
        }
        replica.nextSenderInquiry = now + .milliseconds(500)
        let range = replica.range
        ask(inquiry(.sender(sender, node: node), of: replica)) { node, step in
            guard case .belongs(let descriptor) = step else { return }
            node.replicas[range]?.remember(descriptor)
        }
        return false
    }

    /// A leader has given this disk a replica, and its messages make it.
    private func makeReplica(for received: GroupMessage, from node: String) {
        guard let descriptor = received.descriptor, descriptor.id == received.range,
            descriptor.replica(received.message.from)?.node == node,
            let own = descriptor.replica(received.message.to),
            own.disk == identity.member.disk, own.node == identity.member.node
        else { return }
        if let lowest = tombstones[received.range], own.number < lowest { return }
        guard !beingRemoved.contains(received.range), damaged[received.range] == nil,
            promised[received.range] == nil
        else { return }
        retireReplicas(replacedBy: received.range)
        make(descriptor, number: own.number, birth: .none)
    }

    func send(_ message: RaftMessage, of replica: Replica) {
        // The data of a snapshot bring its message.
        if case .snapshot = message.body { return }
        guard let receiver = replica.descriptor(of: message.to) else { return }
        let isKnown = replica.heardFrom.contains(message.to)
        outbox.add(
            GroupMessage(
                range: replica.range,
                message: message,
                descriptor: isKnown ? nil : replica.view.descriptor
            ),
            to: receiver.member
        )
        scheduleFlush()
    }
}

extension Replica {
    /// Keeps the newest descriptor that a message brought, for the addresses in it.
    func remember(_ descriptor: RangeDescriptor) {
        if let known = told, !descriptor.epoch.isNewer(than: known.epoch) { return }
        told = descriptor
    }

    /// Where a replica of the range is.
    func descriptor(of number: ReplicaNumber) -> ReplicaDescriptor? {
        if let told, told.epoch.isNewer(than: view.descriptor.epoch) {
            return told.replica(number) ?? view.descriptor.replica(number)
        }
        return view.descriptor.replica(number) ?? told?.replica(number)
    }
}
