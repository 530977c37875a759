// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The reason why an answer to a lookup is refused.
package enum AnswerObjection: Error, Hashable, Sendable, CustomStringConvertible {
    /// The owner does not have the identifier that the ring's rule gives it.
    case ownerMisplaced(NodeReference)
    /// The answering node does not have the identifier that the ring's rule gives it.
    case answeringMisplaced(NodeReference)
    /// The target is neither at the answering node nor between it and the named owner.
    case outsideArc(owner: NodeReference, answering: NodeReference)
    /// The joining node is named as the owner of its own place.
    case joinerNamed(NodeReference)
    /// A known member is nearer to the target than the named node.
    case passesOver(NodeReference, named: NodeReference)

    /// The objection as a sentence.
    package var description: String {
        switch self {
        case .ownerMisplaced(let node):
            "the named owner, \(node), does not belong at identifier \(node.id)"
        case .answeringMisplaced(let node):
            "the answering node, \(node), does not belong at identifier \(node.id)"
        case .outsideArc(let owner, let answering):
            "the identifier does not lie between the answering node \(answering) and the owner "
                + "\(owner)"
        case .joinerNamed(let node):
            "it names the joining node \(node) as a member"
        case .passesOver(let known, let named):
            "it names \(named), but the member \(known) is nearer"
        }
    }
}

/// The rules for accepting an answer to a lookup. It is a value without I/O; forwarding nodes,
/// clients and the simulator use the same one.
///
/// The rules detect answers that contradict the ring's parameters, themselves, or the caller's
/// knowledge. They cannot detect other lies: for these ``VerifiedSearch`` asks the owner itself.
package struct AnswerCheck: Sendable {
    /// The identifier of the lookup.
    package let target: Identifier
    /// The identifier of the joining node, in a lookup of its place.
    package let joiner: Identifier?
    private let isPlaced: @Sendable (NodeReference) -> Bool

    /// - Parameter isPlaced: whether a node has the identifier that the ring's rule gives it.
    package init(
        of target: Identifier,
        joiner: Identifier? = nil,
        isPlaced: @escaping @Sendable (NodeReference) -> Bool
    ) {
        self.target = target
        self.joiner = joiner
        self.isPlaced = isPlaced
    }

    /// The objection to an answer by itself; nil if there is none.
    ///
    /// A node may answer for its own range, and for the arc between it and a member of its
    /// successor list.
    package func objection(
        owner: NodeReference,
        answering: NodeReference
    ) -> AnswerObjection? {
        guard isPlaced(owner) else { return .ownerMisplaced(owner) }
        guard isPlaced(answering) else { return .answeringMisplaced(answering) }
        if let joiner {
            if owner.id == joiner { return .joinerNamed(owner) }
            if answering.id == joiner { return .joinerNamed(answering) }
        }
        let isOwn = owner.id == answering.id
        guard isOwn || target.isIn(after: answering.id, through: owner.id) else {
            return .outsideArc(owner: owner, answering: answering)
        }
        return nil
    }

    /// The known node nearest to the target that contradicts an answer if it is a live member. Nil
    /// if there is none.
    ///
    /// A joiner's place is not checked in this way. It may be in another ring, which the joiner
    /// will merge with ours. And a member that has just joined is found by stabilization.
    package func passedOver(
        owner: NodeReference,
        among known: some Sequence<NodeReference>
    ) -> NodeReference? {
        guard joiner == nil else { return nil }
        var nearest = owner
        for node in known where isNearer(node.id, than: nearest.id) { nearest = node }
        return nearest.id == owner.id ? nil : nearest
    }

    /// Whether an identifier lies at or after the target and before another.
    package func isNearer(_ id: Identifier, than other: Identifier) -> Bool {
        guard other != target, id != other else { return false }
        return id == target || id.isBetween(target, and: other)
    }

    /// The beginning of a list up to the first node at a wrong identifier.
    package func placed(_ nodes: [NodeReference]) -> [NodeReference] {
        Array(nodes.prefix(while: isPlaced))
    }

    /// The nodes of a list at their right identifiers, each once.
    package func placedOnes(_ nodes: [NodeReference]) -> [NodeReference] {
        var seen: Set<Identifier> = []
        return nodes.filter { isPlaced($0) && seen.insert($0.id).inserted }
    }

    /// The owner according to a node's successor list; nil if the list does not reach that far.
    package func owner(in list: [NodeReference], of node: Identifier) -> NodeReference? {
        list.first { target.isIn(after: node, through: $0.id) }
    }

    /// The nodes that `asked` names as the next ones to ask. Only those at their right identifiers
    /// and nearer to the target than `asked` are returned.
    package func nearer(_ nodes: [NodeReference], than asked: Identifier) -> [NodeReference] {
        nodes.filter { $0.id != asked && $0.id.isIn(after: asked, through: target) && isPlaced($0) }
    }
}
