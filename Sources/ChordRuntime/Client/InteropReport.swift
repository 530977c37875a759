// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordCore

/// The result of one check of a node.
public struct InteropFinding: Hashable, Sendable {
    /// The outcome of a check.
    public enum Outcome: String, Hashable, Sendable {
        /// The node behaves as expected.
        case asExpected = "ok"
        /// The node deviates in a way that mixed rings tolerate.
        case known
        /// The node deviates in a way that keeps it from being a member.
        case wrong
    }

    /// The subject of the check.
    public var subject: String
    /// The expected result.
    public var expected: String
    /// The actual result.
    public var found: String
    /// The outcome.
    public var outcome: Outcome

    /// Makes a finding from its parts.
    public init(_ subject: String, expected: String, found: String, _ outcome: Outcome) {
        self.subject = subject
        self.expected = expected
        self.found = found
        self.outcome = outcome
    }
}

/// The results of all checks of a node.
public struct InteropReport: Hashable, Sendable {
    /// The address of the checked node.
    public var address: String
    /// The dialects that the node speaks.
    public var dialects: [DialectName]
    /// The findings, in the order of the checks.
    public var findings: [InteropFinding]
    /// The names of the node's neighbours, as it tells them.
    public var neighbours: Set<String> = []

    /// Whether no finding is `wrong`.
    public var isGood: Bool { !findings.contains { $0.outcome == .wrong } }
}
