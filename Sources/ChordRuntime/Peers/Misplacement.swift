// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore
package import ChordHash

/// A node that is not at the identifier that the ring's rule gives it, and the rule that would give
/// it the claimed one.
package struct Misplacement: Hashable, Sendable, CustomStringConvertible {
    /// The node with its claimed identifier.
    package let node: NodeReference
    /// The identifier by the ring's rule.
    package let right: Identifier
    private let parameters: RingParameters
    private let other: String?

    /// Nil if the node is at its right identifier.
    package init?(of node: NodeReference, in parameters: RingParameters, hash: HashFunction) {
        let isInRange = node.placeIndex < parameters.placements
        let rule = PlaceRule(parameters, hash: hash)
        right = rule.node(node, at: isInRange ? node.placeIndex : 0).id
        guard right != node.id || !isInRange else { return nil }
        self.node = node
        self.parameters = parameters
        other = Self.rule(placing: node, hash)
    }

    /// The hash function and width that give the node's identifier; nil if no known function does.
    private static func rule(placing node: NodeReference, _ hash: HashFunction) -> String? {
        var functions = [hash]
        for known in ["sha256", "sha1"].compactMap(HashFunction.named) where known.name != hash.name
        {
            functions.append(known)
        }
        for function in functions {
            for width in stride(from: min(function.bits, 256), through: 8, by: -1) {
                guard let space = try? IdentifierSpace(width: width) else { continue }
                for rule in [IdentifierRule.name, .address] {
                    let id = rule.identifier(
                        of: node,
                        at: node.placeIndex,
                        hash: function,
                        space: space
                    )
                    if id == node.id {
                        return "\(function.name) of its \(rule.rawValue) in \(width) bits"
                    }
                }
            }
        }
        return nil
    }

    /// Both identifiers, and the rule that the node probably uses.
    package var description: String {
        let width = parameters.space.width
        guard node.placeIndex < parameters.placements else {
            return "\(node.name) stands at place \(node.placeIndex), and the ring gives each node "
                + "\(parameters.placements), from 0"
        }
        let rule = "\(parameters.hash) of its \(parameters.rule.rawValue) in \(width) bits"
        return "\(node.name) has identifier \(node.id.hexadecimal(width: width)), but \(rule) is "
            + right.hexadecimal(width: width)
            + (other.map { "; it seems to use \($0)" } ?? "; its hash or its width differs")
    }
}
