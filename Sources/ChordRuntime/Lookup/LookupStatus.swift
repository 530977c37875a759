// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC

extension LookupFailure {
    /// The failure as a gRPC status.
    ///
    /// - Parameter refusal: the reason of the last peer that answered without helping, if there was
    ///   one.
    func status(in view: RoutingView, after refusal: String? = nil) -> Status {
        switch self {
        case .exhausted where refusal != nil, .hopBudgetSpent where refusal != nil:
            Status(
                .resourceExhausted,
                "\(view.node.name) got no valid answer; the last was from \(refusal ?? "")"
            )
        case .hopBudgetSpent:
            Status(
                .resourceExhausted,
                "the lookup's hop budget is used up at \(view.node.name): the ring is changing"
            )
        case .exhausted:
            Status(.unavailable, "\(view.node.name) found no live node to ask")
        case .notMember:
            view.notMember
        case .nameTaken(let node):
            Status(
                .alreadyExists,
                "\(node.name) at \(node.address) is a member at the same identifier"
            )
        }
    }
}

extension RoutingView {
    /// The answer of a node that is not a member to requests that only members can answer.
    var notMember: Status {
        phase == .founding
            ? Status(.aborted, "\(node.name) waits for the other founders of the ring")
            : Status(.failedPrecondition, "\(node.name) is not a member of the ring")
    }
}

extension RoutingView {
    /// The answer to a lookup that is forwarded to this node at an identifier at which it does not stand any
    /// more. The caller then forgets that identifier; otherwise lookups could go in circles.
    func moved(from id: Identifier) -> Status {
        let width = parameters.space.width
        return Status(
            .failedPrecondition,
            "\(node.name) stands at \(node.id.hexadecimal(width: width)) now, and not at "
                + id.hexadecimal(width: width)
        )
    }
}

extension Status {
    /// Whether this side cancelled the call. No other error ends a lookup before its deadline. A
    /// peer's error may be a lie, may come from an overloaded node, or may come from a deadline
    /// that is shorter than the caller's.
    var isOwnCancellation: Bool { origin == .local && code == .cancelled }
}

/// What a call's outcome says about the peer.
enum PeerLiveness: Hashable {
    /// The peer did not answer.
    case dead
    /// The peer is alive, and not a member of this ring.
    case notMember
    /// The peer is alive; nothing else is known.
    case alive
    /// Nothing is known, because this side gave up.
    case unknown

    init(_ status: Status) {
        switch status.origin {
        case .transport, .silence: self = .dead
        case .local: self = status.code == .deadlineExceeded ? .dead : .unknown
        case .peer:
            switch status.code {
            case .failedPrecondition, .unimplemented, .permissionDenied, .unauthenticated:
                self = .notMember
            default: self = .alive
            }
        }
    }
}
