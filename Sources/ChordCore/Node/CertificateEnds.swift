// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Expiry times of the files for a node's TLS, in seconds since 1970.
public struct CertificateEnds: Hashable, Sendable {
    /// The serial number of the node's certificate, in hexadecimal digits.
    public var serial: String
    /// The expiry of the node's certificate.
    public var certificate: Int64
    /// The earliest expiry of the authorities in its chain; nil if the chain is only the
    /// certificate.
    public var authority: Int64?
    /// The earliest expiry of its revocation lists; nil if there are none, or none that expires.
    public var revocationList: Int64?

    /// Makes the times from their parts.
    public init(
        serial: String,
        certificate: Int64,
        authority: Int64? = nil,
        revocationList: Int64? = nil
    ) {
        self.serial = serial
        self.certificate = certificate
        self.authority = authority
        self.revocationList = revocationList
    }
}
