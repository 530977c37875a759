// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// When what a node's TLS rests on ends, in seconds since 1970.
public struct CertificateEnds: Hashable, Sendable {
    /// The serial number of the node's certificate, in hexadecimal digits.
    public var serial: String
    /// The end of the node's certificate.
    public var certificate: Int64
    /// The end of the first of the authorities in its chain; nil where its chain is only itself.
    public var authority: Int64?
    /// The end of the first of its revocation lists; nil where it has none, or none that ends.
    public var revocationList: Int64?

    /// Ends from their parts.
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
