// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordWire
import NIOConcurrencyHelpers

/// A routing view with the answers that follow from it, encoded once. Most lookups that end here ask for
/// one of two owners, and most state queries come from neighbours that learn nothing new.
final class EncodedRoutingView: Sendable {
    let view: RoutingView
    /// The answer to GetSuccessorList.
    let stateReply: [UInt8]
    /// The answer to GetPredecessor.
    let predecessorReply: [UInt8]
    /// The answer to FindSuccessor where this node owns the identifier, without hops and path.
    private let ownReply: PreparedFindSuccessorReply
    /// The same where the successor owns it; nil when alone.
    private let successorReply: PreparedFindSuccessorReply?
    /// What this node owns, and up to where its successor does. None while it is no member.
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

    /// Appends the answer that stands ready for a lookup of `id`, where
    /// ``RoutingView/step(for:excluding:joiner:)`` names this node or its successor. Only hops differ from
    /// call to call.
    ///
    /// - Returns: false where the lookup goes on.
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
    /// The answer that names `owner`, with the owner's successors as far as this node knows them.
    func reply(owner: NodeReference) -> FindSuccessorReply {
        var following = successors
        if owner.id != node.id {
            let index = following.firstIndex { $0.id == owner.id }
            following.removeFirst(index.map { $0 + 1 } ?? 0)
            // After a short list the circle goes on with this node itself.
            if following.count + 1 < parameters.successorCount { following.append(node) }
        }
        // One less than a list holds: as many as every node can name after its own successor, so that the
        // answer does not depend on who gives it.
        return FindSuccessorReply(
            owner: owner,
            successors: Array(following.prefix(parameters.successorCount - 1)),
            answering: node
        )
    }
}

/// The snapshot that requests are answered from, on whatever thread they arrive.
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
