// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
public import ChordTLS
import Foundation

/// The certificate files of a node or a client, and whose certificates it accepts.
public struct Certificates: Hashable, Sendable {
    /// Own certificate, own key, trusted authorities, revocation list; all PEM.
    public var files: TLSFiles
    /// The SPIFFE trust domains that are ours. Empty stands for that of the own certificate.
    public var trustDomains: Set<String> = []
    /// Whether certificates without a SPIFFE name are accepted as nodes, proven for their host only.
    /// Whoever holds a host's certificate can then claim any name there. Off unless a ring needs it:
    /// one with identifiers from addresses, or with members of another make.
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
        let revocationList = path("crl.pem")
        self.init(
            files: TLSFiles(
                certificateChain: path("\(name).pem"),
                privateKey: path("\(name).key"),
                trustRoots: path("ca.pem"),
                revocationList: FileManager.default.fileExists(atPath: revocationList)
                    ? revocationList : nil
            )
        )
    }

    /// Loads the files.
    ///
    /// - Throws: `TLSError` that names the file and says what is wrong with it.
    func load() throws(TLSError) -> TLSContext {
        var domains = trustDomains
        if domains.isEmpty {
            let own = try CertificateFile.inspect(file: files.certificateChain)
            for uri in own.first?.uris ?? [] {
                // A name that is not of the form is refused below, with the reason.
                if let name = try? SPIFFEName(uri: uri) { domains.insert(name.trustDomain) }
            }
        }
        var configuration = TLSConfiguration(
            files: files,
            policy: IdentityPolicy(
                trustDomains: domains,
                admitsHostCertificates: admitsHostCertificates
            )
        )
        configuration.handshakeTimeout = handshakeTimeout
        return try TLSContext(configuration: configuration)
    }
}
