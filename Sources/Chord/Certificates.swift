// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordIdentity
public import ChordTLS

/// The certificate files of a node or a client, and whose certificates it accepts.
public struct Certificates: Hashable, Sendable {
    /// Own certificate, own key, trusted authorities, revocation list; all PEM.
    public var files: TLSFiles
    /// A revocation list that is used where there is one: it is looked for whenever the files are read.
    /// It plays no role where `files` names a list, which must be there.
    public var optionalRevocationList: String?
    /// Whether a certificate is refused when there is a revocation list and the certificate's authority
    /// has none in it. Off, an authority whose list is forgotten goes unchecked; on, it is refused with
    /// all that it has issued.
    public var requiresRevocationLists = false
    /// The SPIFFE trust domains that are ours. Empty stands for that of the own certificate.
    public var trustDomains: Set<String> = []
    /// Whether certificates without a SPIFFE name are accepted as nodes, proven for their host only.
    /// Whoever holds a host's certificate can then claim any name there. Off unless a ring needs it:
    /// one with identifiers from addresses, or with members of other implementations.
    public var admitsHostCertificates = false
    /// How long a TLS handshake may take.
    public var handshakeTimeout: Duration = .seconds(10)

    /// Certificates from files named one by one.
    public init(files: TLSFiles) {
        self.files = files
    }

    /// Certificates as `make certs` lays them out: `NAME.pem`, `NAME.key`, `ca.pem` and, where there is
    /// one, `crl.pem` in one directory.
    public init(directory: String, name: String) {
        func path(_ file: String) -> String { "\(directory)/\(file)" }
        self.init(
            files: TLSFiles(
                certificateChain: path("\(name).pem"),
                privateKey: path("\(name).key"),
                trustRoots: path("ca.pem")
            )
        )
        optionalRevocationList = path("crl.pem")
    }

    /// What is wrong with the files, in the order in which a node or client that starts would say it, and
    /// what works and should be known. Reads files: not for an event loop.
    ///
    /// A node or client starts with these files exactly when there are no faults.
    package func check(
        for use: CertificateUse
    ) -> (faults: [TLSError], warnings: [String]) {
        let (faults, warnings) = TLSContext.check(configuration(for: use))
        return (faults, warnings)
    }

    /// Loads the files.
    ///
    /// - Throws: `TLSError` that names the file and says what is wrong with it.
    func load(for use: CertificateUse = CertificateUse()) throws(TLSError) -> TLSContext {
        try TLSContext(configuration: configuration(for: use))
    }

    private func configuration(for use: CertificateUse) -> TLSConfiguration {
        var files = files
        if files.revocationList == nil, let list = optionalRevocationList,
            CertificateFile.exists(list)
        {
            files.revocationList = list
        }
        var configuration = TLSConfiguration(
            files: files,
            policy: IdentityPolicy(
                trustDomains: trustDomains.isEmpty ? ownTrustDomains : trustDomains,
                admitsHostCertificates: admitsHostCertificates
            )
        )
        configuration.requiresRevocationLists = requiresRevocationLists
        configuration.use = use
        configuration.handshakeTimeout = handshakeTimeout
        return configuration
    }

    /// The trust domains that the own certificate names. What cannot be read is told when it is loaded.
    private var ownTrustDomains: Set<String> {
        let own = try? CertificateFile.inspect(file: files.certificateChain)
        return Set((own?.first?.uris ?? []).compactMap { try? SPIFFEName(uri: $0).trustDomain })
    }
}

extension TLSContext {
    /// The ends of the own certificate and of what it rests on.
    var ends: CertificateEnds {
        func first(_ kind: CertificateValidity.Kind) -> Int64? {
            validities.filter { $0.kind == kind }.map(\.to).min()
        }
        return CertificateEnds(
            serial: certificate.serial,
            certificate: certificate.notAfter,
            authority: first(.authority),
            revocationList: first(.revocationList)
        )
    }
}
