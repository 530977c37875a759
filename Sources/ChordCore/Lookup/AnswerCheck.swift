// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Where the ring's rule puts the node of a name and an address.
package typealias NodePlacement = @Sendable (_ name: String, _ address: String) -> Identifier

/// What is wrong with an answer to a lookup.
package enum AnswerObjection: Error, Hashable, Sendable, CustomStringConvertible {
    /// The owner does not stand where the ring's rule puts it.
    case ownerMisplaced(NodeReference)
    /// The answering node does not stand where the ring's rule puts it.
    case answeringMisplaced(NodeReference)
    /// The target lies neither at the answering node nor between it and the owner that it names.
    case outsideArc(owner: NodeReference, answering: NodeReference)
    /// The node that wants to join is named as the owner of its own place.
    case joinerNamed(NodeReference)
    /// A member lies nearer to the target than the node that the answer names.
    case passesOver(NodeReference, named: NodeReference)

    /// One sentence.
    package var description: String {
        switch self {
        case .ownerMisplaced(let node):
            "the owner that it names, \(node), does not belong at identifier \(node.id)"
        case .answeringMisplaced(let node):
            "the node that is said to answer, \(node), does not belong at identifier \(node.id)"
        case .outsideArc(let owner, let answering):
            "the identifier does not lie between \(answering), which is said to answer, and the owner "
                + "\(owner)"
        case .joinerNamed(let node):
            "it names the joining node \(node) as a member"
        case .passesOver(let known, let named):
            "it names \(named), and the member \(known) is nearer"
        }
    }
}

/// The rules by which an answer to a lookup is believed. A value without I/O: nodes that forward, clients
/// and the simulator use the same one.
///
/// The rules find answers that contradict the ring's parameters, themselves, or what the asker knows. They
/// do not find a lie that contradicts nothing: ``VerifiedSearch`` asks the owner itself.
package struct AnswerCheck: Sendable {
    /// The identifier that is looked up.
    package let target: Identifier
    /// The place of the node that wants to join, in a lookup of its place.
    package let joiner: Identifier?
    private let isPlaced: @Sendable (NodeReference) -> Bool

    /// - Parameter isPlaced: whether a node stands where the ring's rule puts it.
    package init(
        of target: Identifier,
        joiner: Identifier? = nil,
        isPlaced: @escaping @Sendable (NodeReference) -> Bool
    ) {
        self.target = target
        self.joiner = joiner
        self.isPlaced = isPlaced
    }

    /// What is wrong with an answer, by itself; nil where nothing is.
    ///
    /// A node answers for its own range, and for what lies between it and a member of its successor list.
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

    /// The node nearest to the target, of those that the asker knows, which contradicts an answer if it is
    /// alive and a member; nil where none does.
    ///
    /// A joiner's place is not judged by that: it may be in another ring, which the joiner is to make one
    /// with ours, and a member that has only just joined is found by stabilizing.
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

    /// The beginning of a list up to the first node that does not stand where it must.
    package func placed(_ nodes: [NodeReference]) -> [NodeReference] {
        Array(nodes.prefix(while: isPlaced))
    }

    /// The nodes of a list that stand where they must, each once.
    package func placedOnes(_ nodes: [NodeReference]) -> [NodeReference] {
        var seen: Set<Identifier> = []
        return nodes.filter { isPlaced($0) && seen.insert($0.id).inserted }
    }

    /// The owner according to a node's successor list; nil if the list does not reach so far.
    package func owner(in list: [NodeReference], of node: Identifier) -> NodeReference? {
        list.first { target.isIn(after: node, through: $0.id) }
    }

    /// Of the nodes that `asked` names as the next ones to ask, those that stand where they must and are
    /// nearer to the target than it is.
    package func nearer(_ nodes: [NodeReference], than asked: Identifier) -> [NodeReference] {
        nodes.filter { $0.id != asked && $0.id.isIn(after: asked, through: target) && isPlaced($0) }
    }
}
