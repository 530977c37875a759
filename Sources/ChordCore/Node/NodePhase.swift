// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The phase of a node.
public enum NodePhase: String, Hashable, Sendable, CaseIterable {
    /// The node is not a member yet.
    case notJoined
    /// The node is founding a ring with others. It answers "busy" to queries.
    case founding
    /// The node is a member.
    case member
    /// The node has left for good.
    case left
}
