// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

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

    /// Sends the applied state of a range to a node. The completion says whether the receiver has all of it.
    func send(
        _ snapshot: RangeSnapshot,
        to member: StoreMember,
        _ completion: @escaping @Sendable (Bool) -> Void
    )
}

/// The applied state of a range on its way to another node.
package struct RangeSnapshot: Sendable {
    package var state: RangeState
    /// The sender's term.
    package var term: Term
    package var from: ReplicaNumber
    package var to: ReplicaNumber
    package var rows: [RowPage.Element]

    package init(
        state: RangeState,
        term: Term,
        from: ReplicaNumber,
        to: ReplicaNumber,
        rows: [RowPage.Element]
    ) {
        self.state = state
        self.term = term
        self.from = from
        self.to = to
        self.rows = rows
    }
}
