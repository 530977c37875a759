// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore
package import ChordHash

/// A node that does not stand where the ring's rule puts it, and the rule that would put it there.
package struct Misplacement: Hashable, Sendable, CustomStringConvertible {
    /// The node, at its claimed identifier.
    package let node: NodeReference
    /// The identifier by the ring's rule.
    package let right: Identifier
    private let parameters: RingParameters
    private let other: String?

    /// Nil where the node stands in its place.
    package init?(of node: NodeReference, in parameters: RingParameters, hash: HashFunction) {
        let rule = parameters.rule
        right = rule.identifier(
            name: node.name,
            address: node.address,
            hash: hash,
            space: parameters.space
        )
        guard right != node.id else { return nil }
        self.node = node
        self.parameters = parameters
        other = Self.rule(placing: node, hash)
    }

    /// The function, and the number of bits of it, that give a node's identifier; nil where none that is
    /// known does.
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
                        name: node.name,
                        address: node.address,
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

    /// Both identifiers, and the rule that the node seems to go by.
    package var description: String {
        let width = parameters.space.width
        let rule = "\(parameters.hash) of its \(parameters.rule.rawValue) in \(width) bits"
        return "\(node.name) stands at \(node.id.hexadecimal(width: width)), and \(rule) is "
            + right.hexadecimal(width: width)
            + (other.map { "; it goes by \($0)" } ?? "; its hash or its width is another")
    }
}
