// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Where a node is in its life as a member.
public enum NodePhase: String, Hashable, Sendable, CaseIterable {
    /// Not yet a member.
    case notJoined
    /// About to be a member of the ring that it founds with others: questions are put off.
    case founding
    /// A member.
    case member
    /// It has left and does not come back.
    case left
}
