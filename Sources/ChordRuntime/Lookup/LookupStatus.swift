// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC

extension LookupFailure {
    /// The failure as a gRPC status.
    ///
    /// - Parameter refusal: why the last peer that answered was of no help, where there was one.
    func status(in view: RoutingView, after refusal: String? = nil) -> Status {
        switch self {
        case .exhausted where refusal != nil, .hopBudgetSpent where refusal != nil:
            Status(
                .resourceExhausted,
                "\(view.node.name) got no answer that holds; the last was of \(refusal ?? "")"
            )
        case .hopBudgetSpent:
            Status(
                .resourceExhausted,
                "the lookup's hop budget is spent at \(view.node.name): the ring is not settled"
            )
        case .exhausted:
            Status(.unavailable, "\(view.node.name) found nobody alive to ask")
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
    /// The answer of a node that is no member to questions that only members can answer.
    var notMember: Status {
        phase == .founding
            ? Status(.aborted, "\(node.name) waits for the other founders of the ring")
            : Status(.failedPrecondition, "\(node.name) is not a member of the ring")
    }
}

extension Status {
    /// Whether this side ended the call. Nothing else ends a lookup before its deadline: a peer's error may
    /// be a lie, or that of one that is overloaded, or of a deadline that is shorter than the caller's.
    var isOwnCancellation: Bool { origin == .local && code == .cancelled }
}

/// A failed call's verdict about the peer.
enum PeerLiveness: Hashable {
    /// It did not answer.
    case dead
    /// It is alive, and no member of this ring.
    case notMember
    /// It is alive, and nothing else is known.
    case alive
    /// Nothing is known: this side gave up.
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
