// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// What a member answers when it is asked for its state: all of it from one moment.
public struct RingState: Hashable, Sendable {
    /// Who answers.
    public var node: NodeReference
    /// Its predecessor; itself when it is alone.
    public var predecessor: NodeReference
    /// Its successors, nearest first; itself alone when it is alone.
    public var successors: [NodeReference]

    /// A state from its parts.
    public init(node: NodeReference, predecessor: NodeReference, successors: [NodeReference]) {
        self.node = node
        self.predecessor = predecessor
        self.successors = successors
    }
}
