// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordCore
package import ChordRPC
import ChordWire

/// The result of a lookup: the owner of an identifier.
public struct LookupResult: Hashable, Sendable {
    /// The identifier of the lookup.
    public var id: Identifier
    /// The owner of the identifier.
    public var owner: NodeReference
    /// The owner's successors as the answering node knows them. They are the next replicas of the
    /// key.
    public var successors: [NodeReference]
    /// The node that answered.
    public var answering: NodeReference
    /// The number of hops.
    public var hops: Int
    /// The nodes on the path, first to last. Empty unless the path was requested.
    public var path: [NodeReference]
    /// Whether the identifiers of all nodes in this result were checked against the ring's rule.
    /// False if a client does not have the ring's hash function; the nodes may then be invented.
    public var arePlacesChecked = true
    /// How the owner was verified; nil for a plain lookup.
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

/// The details of a verified lookup. Its owner has confirmed that it owns the identifier.
public struct LookupVerification: Hashable, Sendable {
    /// The number of paths, which share no node, that named an owner.
    public var ways: Int
    /// The number of paths that named this owner.
    public var agreeing: Int
    /// The nodes that were named as the owner and are not. They are dead, or a node on a path lies.
    public var refuted: [NodeReference]
}

extension LookupResult {
    /// The result of a reply.
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
    /// The error of a lookup that ended with `status`.
    package init(lookup status: Status) {
        switch status.code {
        case .deadlineExceeded: self.init(.deadlineExceeded, status.message)
        case .failedPrecondition: self.init(.notMember, status.message)
        case .permissionDenied, .unauthenticated: self.init(.refused, status.message)
        default: self.init(.lookupFailed, status.message, reasons: Reason.of(status))
        }
    }
}
