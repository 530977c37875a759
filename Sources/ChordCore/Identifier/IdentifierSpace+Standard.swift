// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

extension IdentifierSpace {
    /// Identifiers of 64 bits: the default.
    public static let standard: IdentifierSpace = {
        do {
            return try IdentifierSpace(width: 64)
        } catch {
            preconditionFailure("64 is a width: \(error)")
        }
    }()
}
