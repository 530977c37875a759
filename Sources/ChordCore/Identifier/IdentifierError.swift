// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// Users of this module also see the members of its errors.
@_exported public import ChordBase

/// Why bytes or text are not an identifier, or a number is not a width.
public typealias IdentifierError = ModuleError<IdentifierErrorCode>

/// The kind of an ``IdentifierError``.
public struct IdentifierErrorCode: ErrorCode {
    private enum Kind: String {
        case invalidWidth, wrongLength, outOfRange, digestTooShort, notHexadecimal
    }

    private let kind: Kind

    /// The width is outside 1…256.
    public static let invalidWidth = Self(kind: .invalidWidth)
    /// The number of bytes is not the one that the width requires.
    public static let wrongLength = Self(kind: .wrongLength)
    /// The value does not fit the width.
    public static let outOfRange = Self(kind: .outOfRange)
    /// The digest has fewer bits than the width.
    public static let digestTooShort = Self(kind: .digestTooShort)
    /// The text is not a hexadecimal number.
    public static let notHexadecimal = Self(kind: .notHexadecimal)

    /// The name of the code.
    public var description: String { kind.rawValue }
}
