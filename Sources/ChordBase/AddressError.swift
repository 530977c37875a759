// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Why a text is not an address.
public typealias AddressError = ModuleError<AddressErrorCode>

/// The kind of an ``AddressError``.
public struct AddressErrorCode: ErrorCode {
    private enum Kind: String {
        case invalidAddress
    }

    private let kind: Kind

    /// The text is not of the form `host:port`.
    public static let invalidAddress = Self(kind: .invalidAddress)

    /// The name of the code.
    public var description: String { kind.rawValue }
}
