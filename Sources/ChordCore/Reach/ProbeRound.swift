// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The reports of other members about a node that this one cannot reach (an indirect probe: Das,
/// Gupta and Motivala, "SWIM", 2002).
///
/// Up to three members are asked. The node counts as reached if two of them have reached it, or the
/// only one that could tell. Members that do not answer, or cannot tell, do not count.
package struct ProbeRound: Hashable, Sendable {
    /// The largest number of members that are asked.
    package static let helperLimit = 3
    /// The number of members that must have reached the node, if enough can tell.
    package static let quorum = 2

    /// The result of a round.
    package enum Verdict: Hashable, Sendable {
        /// Enough members have reached the node.
        case reached
        /// Too few members have reached the node.
        case notReached
        /// No member could tell.
        case unknown
    }

    private var open: Int
    private var answered = 0
    private var reached = 0
    private var isOver = false

    /// A round in which `helpers` members are asked.
    package init(helpers: Int) {
        open = helpers
    }

    /// Takes the answer of one member: whether it has reached the node, or nil if it cannot tell.
    ///
    /// - Returns: the result of the round, once.
    package mutating func take(_ answer: Bool?) -> Verdict? {
        guard !isOver, open > 0 else { return nil }
        open -= 1
        if let answer {
            answered += 1
            if answer { reached += 1 }
        }
        guard open == 0 || reached >= Self.quorum else { return nil }
        isOver = true
        if answered == 0 { return .unknown }
        return reached >= min(Self.quorum, answered) ? .reached : .notReached
    }
}
