// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordBase

/// Why a hash function cannot be used for a ring.
public typealias HashError = ModuleError<HashErrorCode>

/// The kind of a ``HashError``.
public struct HashErrorCode: ErrorCode {
    private enum Kind: String {
        case invalidHash, digestTooShort, unavailable
    }

    private let kind: Kind

    /// The name or the digest length is invalid, or the closure returned a digest of another length.
    public static let invalidHash = Self(kind: .invalidHash)
    /// The digest has fewer bits than the ring's identifiers.
    public static let digestTooShort = Self(kind: .digestTooShort)
    /// OpenSSL does not provide the algorithm, as with its FIPS provider.
    public static let unavailable = Self(kind: .unavailable)

    /// The name of the code.
    public var description: String { kind.rawValue }
}
