// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordCore

/// A node's place in its ring at one moment, as the node's services see it.
public struct NodePlace: Hashable, Sendable {
    /// Whether the node is a member that its successor has taken in.
    public var isMember: Bool
    /// What it owns; nil for a node that is no member, and for one that its successor cannot reach.
    public var range: IdentifierRange?
    /// The predecessor; the node itself while it is alone, nil while it is no member.
    public var predecessor: NodeReference?
    /// The nearest successors, nearest first; empty while the node is alone or no member.
    public var successors: [NodeReference]

    /// Of a node that is no member.
    public static let outside = NodePlace(isMember: false, successors: [])

    init(
        isMember: Bool,
        range: IdentifierRange? = nil,
        predecessor: NodeReference? = nil,
        successors: [NodeReference]
    ) {
        self.isMember = isMember
        self.range = range
        self.predecessor = predecessor
        self.successors = successors
    }

    init(_ view: RoutingView, _ tenure: RangeTenure) {
        guard view.isMember, tenure.hasJoined else {
            self = .outside
            return
        }
        self.init(
            isMember: true,
            range: tenure.reported,
            predecessor: view.predecessor,
            successors: view.successors
        )
    }
}

/// A change of a node's place. The changes that a service hears of follow each other without a gap: each
/// `from` is the former `to`, and the first one begins outside of any ring.
public struct PlaceChange: Hashable, Sendable {
    /// The place before.
    public let from: NodePlace
    /// The place after.
    public let to: NodePlace
    /// Why it changes; nil where no step of the protocol has caused it.
    public let cause: RingEvent.Cause?

    /// The change between two places, with the events that tell of it; nil where they are the same.
    init?(from: NodePlace, to: NodePlace, events: [RingEvent]) {
        guard from != to else { return nil }
        self.from = from
        self.to = to
        cause = events.lazy.compactMap(\.cause).first
    }

    /// What becomes this node's.
    public var gained: [IdentifierRange] { Self.difference(to.range, from.range) }

    /// What is this node's no longer.
    public var lost: [IdentifierRange] { Self.difference(from.range, to.range) }

    /// Who owns the end of what is lost, as far as this node knows: the predecessor that has come between, or
    /// the successor where the whole range is lost. Members that this node has not heard of may own the
    /// beginning. Nil where nothing is lost, and where nobody is left.
    public var newOwner: NodeReference? {
        if lost.isEmpty { return nil }
        if to.range != nil { return to.predecessor }
        return (to.isMember ? to : from).successors.first
    }

    private static func difference(
        _ range: IdentifierRange?,
        _ other: IdentifierRange?
    ) -> [IdentifierRange] {
        guard let range else { return [] }
        return other.map { range.subtracting($0) } ?? [range]
    }
}

extension RingEvent {
    fileprivate var cause: Cause? {
        switch self {
        case .rangeChanged(_, _, let cause), .predecessorChanged(_, _, let cause),
            .successorsChanged(_, _, let cause):
            cause
        case .joined, .successorsLost, .left: nil
        }
    }
}
