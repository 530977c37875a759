// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import Logging

extension StoreNode {
    /// Messages of other replicas have come from a node, whose certificate has this name.
    package func receive(_ messages: [GroupMessage], from node: String) {
        guard failure == nil else { return }
        for received in messages { receive(received, from: node) }
    }

    private func receive(_ received: GroupMessage, from node: String) {
        guard let replica = replicas[received.range] else {
            return makeReplica(for: received, from: node)
        }
        let message = received.message
        guard message.to == replica.number else { return }
        // A replica that lags behind does not know the sender yet; the message brings the newer descriptor.
        let descriptors = [replica.view.descriptor, received.descriptor].compactMap { $0 }
        guard descriptors.contains(where: { $0.replica(message.from)?.node == node }) else {
            return
        }
        if let descriptor = received.descriptor { replica.remember(descriptor) }
        replica.heardFrom.insert(message.from)
        drive(replica) { machine in
            do throws(RaftRefusal) {
                try machine.step(message, from: message.from)
            } catch {
                logger.debug(
                    "a message was refused: \(error)",
                    metadata: [StoreLogKeys.range: "\(replica.range)"]
                )
            }
        }
    }

    /// A leader has given this disk a replica, and its messages make it.
    private func makeReplica(for received: GroupMessage, from node: String) {
        guard let descriptor = received.descriptor, descriptor.id == received.range,
            descriptor.replica(received.message.from)?.node == node,
            let own = descriptor.replica(received.message.to),
            own.disk == identity.member.disk, own.node == identity.member.node
        else { return }
        if let lowest = tombstones[received.range], own.number < lowest { return }
        make(descriptor, number: own.number, birth: .none)
    }

    func send(_ message: RaftMessage, of replica: Replica) {
        guard let receiver = replica.descriptor(of: message.to) else { return }
        let isKnown = replica.heardFrom.contains(message.to)
        outbox.add(
            GroupMessage(
                range: replica.range,
                message: message,
                descriptor: isKnown ? nil : replica.view.descriptor
            ),
            to: StoreMember(node: receiver.node, address: receiver.address, disk: receiver.disk)
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
