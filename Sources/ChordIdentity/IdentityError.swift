// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// Users of this module also see the members of its errors.
@_exported public import ChordBase

/// Why a certificate's identity is refused, or is not the identity that was expected.
package typealias IdentityError = ModuleError<IdentityErrorCode>

/// The rule that a certificate breaks.
package struct IdentityErrorCode: ErrorCode {
    private enum Kind: String {
        case noUsableIdentity, malformedSPIFFE, foreignTrustDomain, severalURIs, authorityAsLeaf
        case keyUsage, extendedKeyUsage, nameNotAdmitted, wrongName, wrongHost, wrongRole
    }

    private let kind: Kind

    /// The certificate has no name that the policy accepts as an identity.
    package static let noUsableIdentity = Self(kind: .noUsableIdentity)
    /// The URI is not a SPIFFE name of the form that a ring's members have.
    package static let malformedSPIFFE = Self(kind: .malformedSPIFFE)
    /// The trust domain of the SPIFFE name is not accepted.
    package static let foreignTrustDomain = Self(kind: .foreignTrustDomain)
    /// The certificate has more than one URI, and so more than one identity.
    package static let severalURIs = Self(kind: .severalURIs)
    /// The certificate is a certificate authority's.
    package static let authorityAsLeaf = Self(kind: .authorityAsLeaf)
    /// The key usage extension is missing, not critical, or does not allow signatures.
    package static let keyUsage = Self(kind: .keyUsage)
    /// The extended key usage extension does not allow the side, client or server, that used it.
    package static let extendedKeyUsage = Self(kind: .extendedKeyUsage)
    /// The name of the node is not among those that this ring admits.
    package static let nameNotAdmitted = Self(kind: .nameNotAdmitted)
    /// The peer is not the node that was dialled.
    package static let wrongName = Self(kind: .wrongName)
    /// The certificate does not hold for the host that was dialled.
    package static let wrongHost = Self(kind: .wrongHost)
    /// The peer's role is not the expected one.
    package static let wrongRole = Self(kind: .wrongRole)

    /// The name of the code.
    package var description: String { kind.rawValue }
}
