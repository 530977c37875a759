// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordCore

/// One thing that a node was checked for.
public struct InteropFinding: Hashable, Sendable {
    /// How it came out.
    public enum Outcome: String, Hashable, Sendable {
        /// As expected.
        case asExpected = "ok"
        /// Otherwise, in a way that rings of this project live with.
        case known
        /// Otherwise.
        case wrong
    }

    /// What was looked at.
    public var subject: String
    /// What a good node does.
    public var expected: String
    /// What this one does.
    public var found: String
    /// How it came out.
    public var outcome: Outcome

    /// A finding from its parts.
    public init(_ subject: String, expected: String, found: String, _ outcome: Outcome) {
        self.subject = subject
        self.expected = expected
        self.found = found
        self.outcome = outcome
    }
}

/// What was found out about a node.
public struct InteropReport: Hashable, Sendable {
    /// The address that was asked.
    public var address: String
    /// The dialects that the node speaks.
    public var dialects: [DialectName]
    /// The checks, in the order in which they were made.
    public var findings: [InteropFinding]
    /// The nodes that it names as its neighbours.
    public var neighbours: Set<String> = []

    /// Whether nothing is wrong.
    public var isGood: Bool { !findings.contains { $0.outcome == .wrong } }
}
