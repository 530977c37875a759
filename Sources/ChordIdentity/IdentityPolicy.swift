// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The rules for accepting certificates, and for the role of each.
package struct IdentityPolicy: Sendable, Hashable {
    /// The accepted trust domains. A SPIFFE name of another domain is refused. Without any trust
    /// domain, no SPIFFE name is accepted.
    package var trustDomains: Set<String>

    /// Whether a certificate without a URI is accepted as a node that has proved only its hosts
    /// (the `dns` policy). It is off by default, because the holder of a host's certificate can
    /// then claim any name on that host. Rings without SPIFFE names in certificates need it, and
    /// rings with identifiers from addresses.
    package var admitsHostCertificates: Bool

    /// The names of nodes that are accepted; nil for any. A certificate without a name is accepted for
    /// one of its hosts. Clients and administrators are not concerned.
    package var admittedNodes: [NamePattern]?

    /// Creates a policy.
    package init(trustDomains: Set<String>, admitsHostCertificates: Bool = false) {
        self.trustDomains = trustDomains
        self.admitsHostCertificates = admitsHostCertificates
    }

    /// The identity of a certificate. It does not check that the certificate verifies against a
    /// trusted authority.
    ///
    /// - Parameters:
    ///   - certificate: The contents of the leaf certificate.
    ///   - side: The side of the connection that presented it.
    /// - Throws: `IdentityError` with any code but `wrongName`, `wrongHost` and `wrongRole`.
    package func identity(
        of certificate: PeerCertificate,
        presentedBy side: ConnectionSide
    ) throws(IdentityError) -> PeerIdentity {
        if certificate.isAuthority {
            throw IdentityError(
                .authorityAsLeaf,
                "the certificate is a certificate authority's, which cannot be a member's"
            )
        }
        if let usage = certificate.keyUsage {
            if !usage.isDisjoint(with: [.keyCertSign, .cRLSign]) {
                throw IdentityError(
                    .keyUsage,
                    "the certificate's key may sign certificates or revocation lists;"
                        + " a member's must not"
                )
            }
            if !usage.contains(.digitalSignature) {
                throw IdentityError(
                    .keyUsage,
                    "the certificate's key usage lacks digitalSignature"
                )
            }
        }
        // A certificate with any URI must pass the SPIFFE rule. It is not accepted as a host's
        // certificate when it fails that rule.
        return certificate.uris.isEmpty
            ? try hostIdentity(certificate, presentedBy: side) : try spiffeIdentity(certificate)
    }

    /// The authority may issue certificates for more than this ring's members.
    private func checkAdmission(of names: [String]) throws(IdentityError) {
        guard let admittedNodes else { return }
        let isAdmitted = names.contains { name in admittedNodes.contains { $0.matches(name) } }
        guard !isAdmitted else { return }
        let shown = names.prefix(4).map { quoted($0) }.joined(separator: ", ")
        throw IdentityError(
            .nameNotAdmitted,
            "the certificate is of node \(shown), and no pattern of admitted names fits"
        )
    }

    private func spiffeIdentity(_ certificate: PeerCertificate) throws(IdentityError)
        -> PeerIdentity
    {
        guard certificate.uris.count == 1 else {
            let uris = certificate.uris.prefix(4).map { quoted($0) }.joined(separator: ", ")
            throw IdentityError(
                .severalURIs,
                "the certificate carries \(certificate.uris.count) URIs where exactly one is"
                    + " allowed: \(uris)"
            )
        }
        let name = try SPIFFEName(uri: certificate.uris[0])
        if name.role == .node { try checkAdmission(of: [name.name]) }
        guard trustDomains.contains(name.trustDomain) else {
            let ours = trustDomains.sorted().map { quoted($0) }.joined(separator: ", ")
            throw IdentityError(
                .foreignTrustDomain,
                "the certificate names trust domain \(quoted(name.trustDomain)), "
                    + (ours.isEmpty ? "no trust domain is configured" : "ours is \(ours)")
            )
        }
        guard certificate.keyUsage != nil, certificate.keyUsageIsCritical else {
            throw IdentityError(
                .keyUsage,
                "the certificate carries a SPIFFE name and needs a key usage extension that is"
                    + " marked critical"
            )
        }
        if let usage = certificate.extendedKeyUsage,
            !usage.isSuperset(of: [.serverAuth, .clientAuth])
        {
            let missing =
                usage.contains(.serverAuth)
                ? "clientAuth" : usage.contains(.clientAuth) ? "serverAuth" : "both"
            throw IdentityError(
                .extendedKeyUsage,
                "the certificate's extended key usage must have serverAuth and clientAuth;"
                    + " missing: \(missing)"
            )
        }
        return PeerIdentity(
            role: name.role,
            name: name.name,
            trustDomain: name.trustDomain,
            proof: .spiffe,
            dnsNames: certificate.dnsNames,
            ipAddresses: certificate.ipAddresses,
            notAfter: certificate.notAfter,
            serial: certificate.serial
        )
    }

    private func hostIdentity(
        _ certificate: PeerCertificate,
        presentedBy side: ConnectionSide
    ) throws(IdentityError) -> PeerIdentity {
        guard admitsHostCertificates else {
            throw IdentityError(
                .noUsableIdentity,
                "the certificate carries no SPIFFE name"
                    + " (a URI spiffe://<trust domain>/chord/<role>/<name>)"
            )
        }
        guard !certificate.dnsNames.isEmpty || !certificate.ipAddresses.isEmpty else {
            throw IdentityError(
                .noUsableIdentity,
                "the certificate carries neither a SPIFFE name nor a DNS name nor an IP address"
            )
        }
        if let usage = certificate.extendedKeyUsage {
            let needed: PeerCertificate.ExtendedKeyUsage =
                side == .server ? .serverAuth : .clientAuth
            guard !usage.isDisjoint(with: [needed, .any]) else {
                throw IdentityError(
                    .extendedKeyUsage,
                    "the certificate's extended key usage lacks"
                        + " \(side == .server ? "serverAuth" : "clientAuth"), which a \(side) needs"
                )
            }
        }
        try checkAdmission(of: certificate.dnsNames + certificate.ipAddresses)
        return PeerIdentity(
            role: .node,
            name: nil,
            trustDomain: nil,
            proof: .host,
            dnsNames: certificate.dnsNames,
            ipAddresses: certificate.ipAddresses,
            notAfter: certificate.notAfter,
            serial: certificate.serial
        )
    }
}
