// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A failure to recognise who a certificate is, or to find that it is who was meant.
package struct IdentityError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Which rule was broken. New codes may be added; compare with the static members.
    package struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Value: String, Sendable {
            case noUsableIdentity
            case malformedSPIFFE
            case foreignTrustDomain
            case severalURIs
            case authorityAsLeaf
            case keyUsage
            case extendedKeyUsage
            case wrongName
            case wrongHost
            case wrongRole
        }

        private let value: Value

        private init(_ value: Value) {
            self.value = value
        }

        /// The certificate carries no name that the policy accepts as an identity.
        package static let noUsableIdentity = Code(.noUsableIdentity)
        /// The URI is not a SPIFFE name of a ring's member.
        package static let malformedSPIFFE = Code(.malformedSPIFFE)
        /// The SPIFFE name belongs to a trust domain that is not ours.
        package static let foreignTrustDomain = Code(.foreignTrustDomain)
        /// The certificate carries more than one URI, so that it would be several identities.
        package static let severalURIs = Code(.severalURIs)
        /// A certificate authority's own certificate was presented as a member's.
        package static let authorityAsLeaf = Code(.authorityAsLeaf)
        /// The key usage extension is missing, not critical, or does not fit a member.
        package static let keyUsage = Code(.keyUsage)
        /// The extended key usage extension forbids the side that the certificate was used on.
        package static let extendedKeyUsage = Code(.extendedKeyUsage)
        /// The peer is not the node that was meant.
        package static let wrongName = Code(.wrongName)
        /// The certificate does not hold for the host that was dialled.
        package static let wrongHost = Code(.wrongHost)
        /// The peer has a role that was not expected there.
        package static let wrongRole = Code(.wrongRole)

        /// The name of the code.
        package var description: String { value.rawValue }
    }

    /// Which rule was broken.
    package let code: Code

    /// What was found and what was expected, for a person.
    package let message: String

    /// Makes an error.
    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The code and the message.
    package var description: String { "\(code): \(message)" }
}
