// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A contract by which a node can be talked to.
public enum DialectName: String, Hashable, Sendable, CaseIterable {
    /// This project's own, `chord.v1`.
    case native
    /// That of Concord, a Chord node in Go.
    case concord

    /// The dialects of other makes, which an operator may enable.
    public static var foreign: [DialectName] { allCases.filter { $0 != .native } }
}
