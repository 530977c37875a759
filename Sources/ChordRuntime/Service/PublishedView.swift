// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordWire
import NIOConcurrencyHelpers

/// A routing view with the replies that follow from it, encoded once. Most lookups that end at this
/// node ask for one of two owners. Most state queries come from neighbours and get the same reply
/// again.
final class EncodedRoutingView: Sendable {
    let view: RoutingView
    /// The reply to GetSuccessorList.
    let stateReply: [UInt8]
    /// The reply to GetPredecessor.
    let predecessorReply: [UInt8]
    /// The reply to FindSuccessor for identifiers that this node owns, without hops and path.
    private let ownReply: PreparedFindSuccessorReply
    /// The same for identifiers that the successor owns; nil if this node is alone.
    private let successorReply: PreparedFindSuccessorReply?
    /// The range of this node, and the end of its successor's range. Nil while this node is not a
    /// member.
    private let ownRange: IdentifierRange?
    private let successorRange: IdentifierRange?

    init(_ view: RoutingView) {
        self.view = view
        let space = view.parameters.space
        stateReply = GetSuccessorListReply(
            state: view.state,
            parameters: view.parameters,
            isHeadUnreached: view.unreachedHead != nil
        ).encoded(in: space)
        predecessorReply = GetPredecessorReply(predecessor: view.predecessor).encoded(in: space)
        ownReply = PreparedFindSuccessorReply(view.reply(owner: view.node), space: space)
        successorReply = view.successors.first.map {
            PreparedFindSuccessorReply(view.reply(owner: $0), space: space)
        }
        ownRange = view.ownsRange ? view.range : nil
        successorRange =
            view.isMember
            ? view.successors.first.map { IdentifierRange(after: view.node.id, through: $0.id) }
            : nil
    }

    /// Appends the prepared reply to a lookup of `id`, if
    /// ``RoutingView/step(for:excluding:joiner:)`` would name this node or its successor. Only the
    /// hop count differs between calls.
    ///
    /// - Returns: false if the lookup must be forwarded.
    func answer(_ id: Identifier, hops: Int, appendingTo output: inout [UInt8]) -> Bool {
        if let ownRange, ownRange.contains(id) {
            ownReply.encode(hops: hops, appendingTo: &output)
            return true
        }
        if let successorRange, let successorReply, successorRange.contains(id) {
            successorReply.encode(hops: hops, appendingTo: &output)
            return true
        }
        return false
    }
}

extension RoutingView {
    /// The reply that names `owner`, with the owner's successors as far as this node knows them.
    func reply(owner: NodeReference) -> FindSuccessorReply {
        var following = successors
        if owner.id != node.id {
            let index = following.firstIndex { $0.id == owner.id }
            following.removeFirst(index.map { $0 + 1 } ?? 0)
            // If the list is short, the circle continues with this node.
            if following.count + 1 < parameters.successorCount { following.append(node) }
        }
        // One entry less than a full list: every node can name that many after its own successor.
        // The reply therefore does not depend on the node that gives it.
        return FindSuccessorReply(
            owner: owner,
            successors: Array(following.prefix(parameters.successorCount - 1)),
            answering: node
        )
    }
}

/// The view that requests are answered from, on any thread.
final class PublishedView: Sendable {
    private let box: NIOLockedValueBox<EncodedRoutingView>

    init(_ view: RoutingView) {
        box = NIOLockedValueBox(EncodedRoutingView(view))
    }

    var current: EncodedRoutingView { box.withLockedValue { $0 } }

    func publish(_ view: RoutingView) {
        let snapshot = EncodedRoutingView(view)
        box.withLockedValue { $0 = snapshot }
    }
}
