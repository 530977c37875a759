// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordRPC
import Logging

// Damage stays where it is: a row or a record that cannot be read ends the replica that it belongs to, and no other.
// The range goes on with its other replicas, which count this one as lost.

extension StoreNode {
    /// An error has come up while the data of a replica were used. Damage ends the replica, anything else the store
    /// of this node.
    func failed(_ error: StoreError, of range: RangeID) {
        guard error.code == .corrupted, failure == nil else { return fail(error) }
        // A second work of the same moment finds the replica set aside already.
        guard let replica = replicas[range] else { return }
        setAside(replica, because: error)
    }

    /// Stops a replica that has found its data damaged.
    private func setAside(_ replica: Replica, because error: StoreError) {
        let damaged = DamagedReplica(replica)
        replica.timer?.work.cancel()
        persistence.removeAll { $0.range == replica.range }
        forget(replica)
        setAside(damaged, because: error)
        let descriptor = damaged.descriptor
        failAll(of: replica) { .noLeader(descriptor) }
    }

    /// The replica takes part no more.
    func forget(_ replica: Replica) {
        replicas[replica.range] = nil
        haltedRanges.remove(replica.range)
        replica.endChecksum("the replica has stopped")
        held.set(replica.range, nil)
        hearsay.set(replica.range, nil)
        recentChanges.end(replica.range)
        resting.note(replica.range, under: nil)
        abandonSnapshots(of: replica.range)
    }

    /// Stops a replica whose data are damaged. The others of the range count it as lost, and replace it.
    func setAside(_ replica: DamagedReplica, because error: StoreError) {
        let range = replica.descriptor.id
        logger.critical(
            """
            a replica has stopped, because its data on this disk are damaged: \(error). The other replicas serve \
            the range, and one of them fills a new replica, here or on another node. Look at the disk; if more \
            damage follows, replace it
            """,
            metadata: [
                StoreLogKeys.range: "\(range)",
                StoreLogKeys.positions: "\(replica.descriptor.bounds)",
            ]
        )
        damaged[range] = replica
    }

    // MARK: - Telling

    /// The replicas that messages were for and that take part no more. Their leader replaces them.
    func lostReplicas(among messages: [GroupMessage]) -> [GroupReplica] {
        guard !damaged.isEmpty || !haltedRanges.isEmpty else { return [] }
        let lost = messages.compactMap { message -> GroupReplica? in
            let number =
                haltedRanges.contains(message.range)
                ? replicas[message.range]?.number : damaged[message.range]?.number
            guard message.message.to == number else { return nil }
            return GroupReplica(range: message.range, number: message.message.to)
        }
        return Set(lost).sorted { $0.range < $1.range }
    }

    /// Another node has said that replicas on its disk take part no more.
    func noteLost(_ groups: [GroupReplica], on member: StoreMember) {
        for group in groups {
            guard let replica = replicas[group.range], replica.isLeader,
                replica.view.descriptor.replica(group.number)?.disk == member.disk,
                replica.lost.insert(group.number).inserted
            else { continue }
            placeAtOnce(group.range)
        }
    }

    // MARK: - Asking

    /// Asks whether a damaged replica was removed, now and then. A new one can take its place then.
    func checkDamaged(_ range: RangeID) {
        guard let replica = damaged[range], now >= replica.nextInquiry else { return }
        damaged[range]?.nextInquiry = now + Self.inquiryInterval * 5
        let inquiry = RangeInquiry(
            .removal(of: replica.number),
            descriptor: replica.descriptor,
            leader: nil,
            own: identity.member,
            wanted: wantedMembers(replica.descriptor.bounds.upperBound) ?? []
        )
        ask(inquiry) { node, step in
            guard case .removed(let lowest) = step, node.damaged[range] != nil else { return }
            node.damaged[range] = nil
            node.delete(range, replica.state, lowestNumber: lowest)
        }
    }
}
