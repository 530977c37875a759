// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordCore

/// A node's place in its ring at one moment, as the node's services see it.
public struct NodePlace: Hashable, Sendable {
    /// Whether the node is a member, accepted by its successor.
    public var isMember: Bool
    /// The range that the node owns. Nil if the node is not a member, or if its successor cannot
    /// reach it.
    public var range: IdentifierRange?
    /// The predecessor. The node itself while it is alone; nil while it is not a member.
    public var predecessor: NodeReference?
    /// The successor list, nearest first. Empty while the node is alone or not a member.
    public var successors: [NodeReference]

    /// The place of a node that is not a member.
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

/// A change of a node's place. The changes that a service receives have no gaps: each `from` equals
/// the `to` of the change before. The first change starts outside of any ring.
public struct PlaceChange: Hashable, Sendable {
    /// The place before the change.
    public let from: NodePlace
    /// The place after the change.
    public let to: NodePlace
    /// The protocol step that causes the change; nil if none does.
    public let cause: RingEvent.Cause?

    /// The change between two places, with the events that describe it. Nil if the places are
    /// equal.
    init?(from: NodePlace, to: NodePlace, events: [RingEvent]) {
        guard from != to else { return nil }
        self.from = from
        self.to = to
        cause = events.lazy.compactMap(\.cause).first
    }

    /// The parts of the circle that this node gains.
    public var gained: [IdentifierRange] { Self.difference(to.range, from.range) }

    /// The parts of the circle that this node loses.
    public var lost: [IdentifierRange] { Self.difference(from.range, to.range) }

    /// The owner of the end of the lost range, as far as this node knows: the new predecessor, or
    /// the successor if the whole range is lost. The beginning of the lost range may belong to
    /// members that this node does not know. Nil if nothing is lost, or if no other member is left.
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
