// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// An RPC contract that a node speaks.
public enum DialectName: String, Hashable, Sendable, CaseIterable {
    /// The contract of this implementation.
    case native
    /// The contract of another implementation, a Chord node in Go.
    case concord

    /// The dialects of other implementations, which an operator may enable.
    public static var foreign: [DialectName] { allCases.filter { $0 != .native } }
}
