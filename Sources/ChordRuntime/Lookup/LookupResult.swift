// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordCore
package import ChordRPC
import ChordWire

/// The answer to "who owns this identifier".
public struct LookupResult: Hashable, Sendable {
    /// The identifier that was looked up.
    public var id: Identifier
    /// The node that owns it.
    public var owner: NodeReference
    /// The owner's successors, as the node that answered knows them: the next holders of the key.
    public var successors: [NodeReference]
    /// The node that answered.
    public var answering: NodeReference
    /// How many times the question was forwarded.
    public var hops: Int
    /// The nodes that the question went through, first to last; empty unless it was asked for.
    public var path: [NodeReference]
    /// Whether the places of all nodes named here were checked against the ring's rule. False where a client
    /// does not have the ring's hash function: then any node may have been invented.
    public var arePlacesChecked = true
    /// How the owner was verified; nil where the lookup was a plain one.
    public var verification: LookupVerification?

    package init(
        id: Identifier,
        owner: NodeReference,
        successors: [NodeReference],
        answering: NodeReference,
        hops: Int,
        path: [NodeReference] = []
    ) {
        self.id = id
        self.owner = owner
        self.successors = successors
        self.answering = answering
        self.hops = hops
        self.path = path
    }
}

/// The details of a verified lookup, whose owner has confirmed that it owns the identifier.
public struct LookupVerification: Hashable, Sendable {
    /// How many ways, which share no node, named an owner.
    public var ways: Int
    /// How many of them named this one.
    public var agreeing: Int
    /// Nodes that were named as the owner and are not: they are dead, or a node on a way lies.
    public var refuted: [NodeReference]
}

extension LookupResult {
    /// The result that a reply stands for.
    static func make(
        _ id: Identifier,
        _ reply: Result<FindSuccessorReply, Status>
    ) -> Result<LookupResult, ChordError> {
        switch reply {
        case .failure(let status): return .failure(ChordError(lookup: status))
        case .success(let reply):
            guard let owner = reply.owner else {
                return .failure(ChordError(.invalidAnswer, "a lookup's answer names no owner"))
            }
            return .success(
                LookupResult(
                    id: id,
                    owner: owner,
                    successors: reply.successors,
                    answering: reply.answering,
                    hops: reply.hops,
                    path: reply.path
                )
            )
        }
    }
}

extension ChordError {
    /// The error for a lookup that ended with `status`.
    package init(lookup status: Status) {
        switch status.code {
        case .deadlineExceeded: self.init(.deadlineExceeded, status.message)
        case .failedPrecondition: self.init(.notMember, status.message)
        case .permissionDenied, .unauthenticated: self.init(.refused, status.message)
        default: self.init(.lookupFailed, status.message, reasons: Reason.of(status))
        }
    }
}
