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
    /// What a node that is no member answers to everything that only members can say.
    var notMember: Status {
        phase == .founding
            ? Status(.aborted, "\(node.name) waits for the other founders of the ring")
            : Status(.failedPrecondition, "\(node.name) is not a member of the ring")
    }
}

extension Status {
    /// Whether no other peer is asked. No peer may end a lookup by an error of its own: it may lie, or be
    /// overloaded, or a deadline have been spent that is shorter than the caller's.
    func endsLookup(of machine: LookupMachine) -> Bool {
        switch (origin, code) {
        case (.local, .cancelled): true
        // A live member stands in the joiner's place. Only that member can tell, so asking others again and
        // again ends at the same one; the joiner asks it before it believes this.
        case (.peer, .alreadyExists): machine.joiner != nil
        default: false
        }
    }
}

/// What a failed call says about the peer.
enum PeerVerdict: Hashable {
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
