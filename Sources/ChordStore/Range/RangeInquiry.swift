// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase

/// What a node answers when it is asked about a range.
package struct RangeDescription: Hashable, Sendable {
    /// The range as the node's replica knows it; nil if the node has no replica with data.
    package var hint: RangeHint?
    /// The node leads the range, and a majority has confirmed that for this answer.
    package var isConfirmed: Bool
    /// The node had a replica that was deleted: the lowest number that a new one may have.
    package var lowestNumber: ReplicaNumber?

    package init(
        hint: RangeHint? = nil,
        isConfirmed: Bool = false,
        lowestNumber: ReplicaNumber? = nil
    ) {
        self.hint = hint
        self.isConfirmed = isConfirmed
        self.lowestNumber = lowestNumber
    }
}

/// Asks other nodes about a range, one after the other, on behalf of one of its replicas.
package struct RangeInquiry: Sendable {
    package enum Purpose: Hashable, Sendable {
        /// Whether this replica was removed. Only a leader that a majority has confirmed can say so.
        case removal(of: ReplicaNumber)
        /// Whether the range has a replica with this number on this node, which has sent a message.
        case sender(ReplicaNumber, node: String)
    }

    package enum Step: Hashable, Sendable {
        case ask(StoreMember)
        /// The replica was removed. A later one on its disk has at least this number.
        case removed(lowestNumber: ReplicaNumber)
        /// The replica, or the sender, belongs to the range, as this descriptor says.
        case belongs(RangeDescriptor)
        /// Nobody could say.
        case unknown
    }

    /// The range that is asked about.
    package let range: RangeID
    private let purpose: Purpose
    private let own: StoreMember
    private let epoch: RangeEpoch
    private var waiting: [StoreMember]
    private var asked: Set<DiskID>

    /// - Parameters:
    ///   - descriptor: the range as the replica knows it.
    ///   - leader: the leader that it knows of.
    ///   - own: the node that asks.
    ///   - wanted: whom the ring wants to have the range, its owner first. The owner is asked last; where that is the
    ///     node that asks, the others are. Otherwise a node that owns a range again, after all nodes that its old
    ///     replica knows have given theirs up, would have nobody to ask, and the old replica would keep a new one out.
    package init(
        _ purpose: Purpose,
        descriptor: RangeDescriptor,
        leader: ReplicaNumber?,
        own: StoreMember,
        wanted: [StoreMember]
    ) {
        self.purpose = purpose
        self.own = own
        range = descriptor.id
        epoch = descriptor.epoch
        asked = [own.disk]
        let isOwner = wanted.first?.disk == own.disk
        waiting =
            descriptor.members(first: leader) + (isOwner ? wanted.dropFirst() : wanted.prefix(1))
    }

    /// Whether a leader must have itself confirmed for its answer.
    package var needsConfirmation: Bool {
        if case .removal = purpose { true } else { false }
    }

    /// The first question.
    package mutating func begin() -> Step { askNext() }

    /// - Parameter answer: nil if there was none.
    package mutating func answered(_ answer: RangeDescription?) -> Step {
        guard let hint = answer?.hint, !epoch.isNewer(than: hint.descriptor.epoch) else {
            return askNext()
        }
        switch purpose {
        case .sender(let number, let node):
            if hint.descriptor.replica(number)?.node == node { return .belongs(hint.descriptor) }
        case .removal(let number):
            if answer?.isConfirmed == true { return judge(hint.descriptor, number) }
            // The node knows newer replicas, and who leads.
            waiting = hint.descriptor.members(first: hint.leader) + waiting
        }
        return askNext()
    }

    private func judge(_ descriptor: RangeDescriptor, _ number: ReplicaNumber) -> Step {
        if descriptor.replica(number) != nil { return .belongs(descriptor) }
        // A number that was not given yet was not taken away either.
        guard number < descriptor.nextNumber else { return .unknown }
        let successor = descriptor.replica(on: own.disk)?.number
        return .removed(lowestNumber: successor ?? descriptor.nextNumber)
    }

    private mutating func askNext() -> Step {
        while !waiting.isEmpty {
            let member = waiting.removeFirst()
            if asked.insert(member.disk).inserted { return .ask(member) }
        }
        return .unknown
    }
}

extension RangeDescriptor {
    /// The nodes that have replicas, the leader's before the others.
    fileprivate func members(first leader: ReplicaNumber?) -> [StoreMember] {
        let others = replicas.filter { $0.number != leader }
        return ((leader.flatMap(replica)).map { [$0] + others } ?? others).map(\.member)
    }
}

extension ReplicaDescriptor {
    /// The node of the replica.
    package var member: StoreMember { StoreMember(node: node, address: address, disk: disk) }
}
