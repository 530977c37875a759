// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordBase

/// The source of a node's identifier.
public enum IdentifierRule: String, Hashable, Sendable, CaseIterable {
    /// The hash of the node's name: a node keeps its place when its address changes.
    case name
    /// The hash of the node's advertised address.
    case address
}

/// What all members of one ring have in common. Nodes whose parameters differ refuse each other:
/// they would name different owners for one key.
public struct RingParameters: Hashable, Sendable {
    /// The ring's name.
    public var ring: String
    /// The hash function's name.
    public var hash: String
    /// The identifier of ``probeText``: it tells apart functions that share a name.
    public var probe: Identifier
    /// The identifiers' width.
    public var space: IdentifierSpace
    /// Where node identifiers come from.
    public var rule: IdentifierRule
    /// Length of the successor lists: one less than as many crash at once without harm.
    public var successorCount: Int
    /// Places that the rule gives to each node, of which the node takes one; 1 to ``largestPlacements``.
    public var placements = 1
    /// The ring's store; nil if the ring has none.
    package var store: StoreID?

    /// The most places of a node. More would make joining dearer than what they even out.
    public static let largestPlacements = 64

    /// The text whose identifier is the probe.
    public static let probeText = "chord parameters probe"

    /// Parameters from their parts.
    public init(
        ring: String,
        hash: String,
        probe: Identifier,
        space: IdentifierSpace,
        rule: IdentifierRule,
        successorCount: Int
    ) {
        self.ring = ring
        self.hash = hash
        self.probe = probe
        self.space = space
        self.rule = rule
        self.successorCount = successorCount
    }

    /// The first way in which these parameters differ from another node's, with both sides named;
    /// nil where they agree.
    public func difference(from other: RingParameters) -> String? {
        func differ(_ what: String, _ ours: String, _ theirs: String) -> String? {
            ours == theirs ? nil : "\(what) here is \(ours), there \(theirs)"
        }
        if let text = differ("the ring's name", "\"\(ring)\"", "\"\(other.ring)\"") { return text }
        if let text = differ("the hash function", hash, other.hash) { return text }
        if let text = differ(
            "the identifiers' width",
            "\(space.width) bits",
            "\(other.space.width) bits"
        ) {
            return text
        }
        if probe != other.probe {
            return "both call their hash function \(hash), but it gives \(probe) here and "
                + "\(other.probe) there for the same text"
        }
        if let text = differ("the identifier rule", rule.rawValue, other.rule.rawValue) {
            return text
        }
        if let text = differ(
            "the successor list's length",
            "\(successorCount)",
            "\(other.successorCount)"
        ) {
            return text
        }
        if placements != other.placements {
            return "the number of places per node here is \(placements), there \(other.placements)"
                + (other.placements == 1 ? Self.oldProgramHint : "")
        }
        if store != other.store {
            return "the ring's store here is \(Self.text(store)), there \(Self.text(other.store))"
                + (other.store == nil ? Self.oldProgramHint : "")
        }
        return nil
    }

    private static func text(_ store: StoreID?) -> String { store.map(\.description) ?? "none" }

    /// A program of version 0.1 leaves the newer parameters out, and cannot name the difference itself.
    private static let oldProgramHint =
        "; if the program there is of version 0.1, which does not know this parameter, replace it with a "
        + "newer one"

    /// Whether a program that knows the first version's parameters only would misunderstand this ring.
    package var needsNewerProgram: Bool { placements > 1 || store != nil }
}
