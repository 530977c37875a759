// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A member's state, all parts from the same moment.
public struct RingState: Hashable, Sendable {
    /// The answering node.
    public var node: NodeReference
    /// Its predecessor; the node itself if it is alone.
    public var predecessor: NodeReference
    /// Its successor list, nearest first; the node itself if it is alone.
    public var successors: [NodeReference]

    /// A state from its parts.
    public init(node: NodeReference, predecessor: NodeReference, successors: [NodeReference]) {
        self.node = node
        self.predecessor = predecessor
        self.successors = successors
    }
}
