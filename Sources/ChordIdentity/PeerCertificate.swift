// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The contents of an X.509 certificate, not verified.
///
/// Texts are as the certificate has them: quote them before they are shown.
package struct PeerCertificate: Sendable, Hashable {
    /// The subject on one line, as OpenSSL prints it.
    package var subject: String
    /// The subject's first common name, if it has one. No decision depends on it.
    package var commonName: String?
    /// The issuer on one line.
    package var issuer: String
    /// The serial number in hexadecimal digits.
    package var serial: String
    /// The DNS names among the subject alternative names, as written.
    package var dnsNames: [String]
    /// The IP addresses among the subject alternative names, in canonical text.
    package var ipAddresses: [String]
    /// The URIs among the subject alternative names, as written.
    package var uris: [String]
    /// The start of validity, in seconds since 1970.
    package var notBefore: Int64
    /// The end of validity, in seconds since 1970.
    package var notAfter: Int64
    /// Whether the basic constraints say that the holder is a certificate authority.
    package var isAuthority: Bool
    /// The key usage extension; nil if absent.
    package var keyUsage: KeyUsage?
    /// Whether the key usage extension is marked critical.
    package var keyUsageIsCritical: Bool
    /// The extended key usage extension; nil if absent.
    package var extendedKeyUsage: ExtendedKeyUsage?

    /// The uses of a key.
    package struct KeyUsage: OptionSet, Sendable, Hashable {
        /// The bits.
        package let rawValue: UInt16

        /// Creates a set from its bits.
        package init(rawValue: UInt16) {
            self.rawValue = rawValue
        }

        /// Signing data other than certificates, which TLS 1.3 needs.
        package static let digitalSignature = KeyUsage(rawValue: 1 << 0)
        /// Signing that cannot be denied later (content commitment).
        package static let nonRepudiation = KeyUsage(rawValue: 1 << 1)
        /// Encrypting keys.
        package static let keyEncipherment = KeyUsage(rawValue: 1 << 2)
        /// Encrypting data.
        package static let dataEncipherment = KeyUsage(rawValue: 1 << 3)
        /// Key agreement.
        package static let keyAgreement = KeyUsage(rawValue: 1 << 4)
        /// Signing certificates, as an authority.
        package static let keyCertSign = KeyUsage(rawValue: 1 << 5)
        /// Signing revocation lists, as an authority.
        package static let cRLSign = KeyUsage(rawValue: 1 << 6)
    }

    /// The protocols and sides that the certificate is for.
    package struct ExtendedKeyUsage: OptionSet, Sendable, Hashable {
        /// The bits.
        package let rawValue: UInt8

        /// Creates a set from its bits.
        package init(rawValue: UInt8) {
            self.rawValue = rawValue
        }

        /// TLS servers.
        package static let serverAuth = ExtendedKeyUsage(rawValue: 1 << 0)
        /// TLS clients.
        package static let clientAuth = ExtendedKeyUsage(rawValue: 1 << 1)
        /// Any use (anyExtendedKeyUsage).
        package static let any = ExtendedKeyUsage(rawValue: 1 << 2)
        /// Another use.
        package static let other = ExtendedKeyUsage(rawValue: 1 << 3)
    }

    /// Creates the contents of a certificate.
    package init(
        subject: String,
        commonName: String? = nil,
        issuer: String = "",
        serial: String,
        dnsNames: [String] = [],
        ipAddresses: [String] = [],
        uris: [String] = [],
        notBefore: Int64,
        notAfter: Int64,
        isAuthority: Bool = false,
        keyUsage: KeyUsage? = nil,
        keyUsageIsCritical: Bool = false,
        extendedKeyUsage: ExtendedKeyUsage? = nil
    ) {
        self.subject = subject
        self.commonName = commonName
        self.issuer = issuer
        self.serial = serial
        self.dnsNames = dnsNames
        self.ipAddresses = ipAddresses
        self.uris = uris
        self.notBefore = notBefore
        self.notAfter = notAfter
        self.isAuthority = isAuthority
        self.keyUsage = keyUsage
        self.keyUsageIsCritical = keyUsageIsCritical
        self.extendedKeyUsage = extendedKeyUsage
    }
}
