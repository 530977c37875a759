// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

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

/// How a node's store reaches others. All calls and completions happen on the node's executor.
package protocol StoreTransport: Sendable {
    /// Sends messages to a node. The completion says whether the call succeeded; messages may be lost,
    /// repeated or overtaken all the same.
    func send(
        _ messages: [GroupMessage],
        to member: StoreMember,
        _ completion: @escaping @Sendable (Bool) -> Void
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
