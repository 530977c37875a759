// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordBase
package import ChordWire

/// A Raft message with the range that it belongs to.
package struct GroupMessage: Hashable, Sendable {
    package var range: RangeID
    package var message: RaftMessage
    /// The range's descriptor, sent until the receiver has answered: its replica is created by it.
    package var descriptor: RangeDescriptor?

    package init(range: RangeID, message: RaftMessage, descriptor: RangeDescriptor?) {
        self.range = range
        self.message = message
        self.descriptor = descriptor
    }
}

/// A replica that rests under the leadership of another one.
package struct RestingClaim: Hashable, Sendable {
    package var range: RangeID
    package var from: ReplicaNumber
    /// The leader, and its term.
    package var to: ReplicaNumber
    package var term: Term

    package init(range: RangeID, from: ReplicaNumber, to: ReplicaNumber, term: Term) {
        self.range = range
        self.from = from
        self.to = to
        self.term = term
    }
}

/// A replica of a group.
package struct GroupReplica: Hashable, Sendable {
    package var range: RangeID
    package var number: ReplicaNumber

    package init(range: RangeID, number: ReplicaNumber) {
        self.range = range
        self.number = number
    }
}

/// What a node's store sends to another one by one call. Without messages it is a heartbeat.
package struct PeerCall: Hashable, Sendable {
    package var messages: [GroupMessage]
    /// Groups in which the sender rests and follows the receiver; some of them by turns.
    package var resting: [RestingClaim]
    /// Of the disks that the sender knows to be given up.
    package var givenUpChecksum: UInt32

    package init(
        messages: [GroupMessage],
        resting: [RestingClaim] = [],
        givenUpChecksum: UInt32 = 0
    ) {
        self.messages = messages
        self.resting = resting
        self.givenUpChecksum = givenUpChecksum
    }
}

/// The answer to a ``PeerCall``.
package struct PeerAnswer: Hashable, Sendable {
    /// How often the receiver has started with its disk.
    package var starts: UInt64
    /// Replicas of the receiver that do not lead the groups in which the caller rests under them.
    package var notLed: [GroupReplica]
    /// Replicas of the receiver, among those that the call had messages for, that take part no more: their data are
    /// damaged, or were restored from an old copy.
    package var lost: [GroupReplica]
    /// The disks that the receiver knows to be given up, where the caller's checksum differs.
    package var givenUp: Set<DiskID>

    package init(
        starts: UInt64,
        notLed: [GroupReplica] = [],
        lost: [GroupReplica] = [],
        givenUp: Set<DiskID> = []
    ) {
        self.starts = starts
        self.notLed = notLed
        self.lost = lost
        self.givenUp = givenUp
    }
}

/// The process that has sent a call.
package struct PeerProcess: Hashable, Sendable {
    package var disk: DiskID
    /// How often its node has started with the disk.
    package var starts: UInt64
    /// Whether it promises a call in every heartbeat interval; nil where that is not known.
    package var sendsHeartbeats: Bool?

    package init(disk: DiskID, starts: UInt64, sendsHeartbeats: Bool?) {
        self.disk = disk
        self.starts = starts
        self.sendsHeartbeats = sendsHeartbeats
    }
}

/// How a node's store reaches others. All calls and completions happen on the node's executor.
package protocol StoreTransport: Sendable {
    /// Sends messages to a node. The completion gets the answer, or nil; messages may be lost, repeated or
    /// overtaken all the same.
    func send(
        _ call: PeerCall,
        to member: StoreMember,
        _ completion: @escaping @Sendable (PeerAnswer?) -> Void
    )

    /// Asks a node what it knows of a range; the node's ``StoreNode/describe(_:isConfirmed:_:)`` answers.
    ///
    /// - Parameter isConfirmed: a leader is to answer only after a majority has confirmed that it leads.
    /// - Parameter completion: gets nil if there was no answer.
    func describe(
        _ range: RangeID,
        isConfirmed: Bool,
        to member: StoreMember,
        _ completion: @escaping @Sendable (RangeDescription?) -> Void
    )

    /// Offers a snapshot to a node, whose ``StoreNode/judge(_:)`` answers.
    ///
    /// - Parameter completion: gets nil if there was no answer.
    func offer(
        _ offer: SnapshotOffer,
        to member: StoreMember,
        timeout: Duration,
        _ completion: @escaping @Sendable (SnapshotOfferReply?) -> Void
    )

    /// Sends a part of a snapshot to a node, whose ``StoreNode/receive(_:_:)`` answers.
    func send(
        _ chunk: SnapshotChunk,
        to member: StoreMember,
        timeout: Duration,
        _ completion: @escaping @Sendable (SnapshotChunkReply?) -> Void
    )

    /// Ends a snapshot, whose parts are all sent. The node's ``StoreNode/finish(_:from:)`` answers.
    func finish(
        _ end: SnapshotFinish,
        to member: StoreMember,
        timeout: Duration,
        _ completion: @escaping @Sendable (SnapshotFinishReply?) -> Void
    )
}
