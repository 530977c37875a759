// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// An error that has a sentence for a person apart from its description, which names codes for programs
/// and logs.
package protocol ErrorWithMessage: Error {
    /// What happened, for a person.
    var message: String { get }
}

extension IdentifierError: ErrorWithMessage {}
