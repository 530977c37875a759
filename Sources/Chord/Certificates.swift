// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordIdentity
public import ChordTLS

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The certificate files of a node or a client, and which peers' certificates it accepts.
public struct Certificates: Hashable, Sendable {
    /// The own certificate, the own key, the trusted authorities and the revocation list, all PEM.
    public var files: TLSFiles
    /// A revocation list that need not exist. The file is looked for whenever the files are read.
    /// It is ignored if `files` names a list, which must exist.
    public var optionalRevocationList: String?
    /// Whether a certificate is refused if its authority has no revocation list, although lists of
    /// other authorities exist. If false, certificates of an authority without a list are not
    /// checked for revocation. If true, a missing list makes all certificates of its authority
    /// invalid.
    public var requiresRevocationLists = false
    /// The accepted SPIFFE trust domains. Empty stands for the domain of the own certificate.
    public var trustDomains: Set<String> = []
    /// Whether certificates without a SPIFFE name are accepted as nodes. They prove only a host, so
    /// the holder of such a certificate can claim any name at that host. Needed only for rings with
    /// identifiers from addresses, or with members of other implementations.
    public var admitsHostCertificates = false
    /// The names of nodes that are accepted; nil for any that the authorities have issued. With it a
    /// certificate that was issued for another service is not a member's. Certificates of clients
    /// and administrators are not concerned. A file is read again when it changes.
    public var admittedNodes: NameList?
    /// The longest time of a TLS handshake.
    public var handshakeTimeout: Duration = .seconds(10)

    /// Certificates in single files.
    public init(files: TLSFiles) {
        self.files = files
    }

    /// Certificates in a directory as `make certs` creates it: `NAME.pem`, `NAME.key`, `ca.pem`
    /// and, if it exists, `crl.pem`.
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

    /// The problems of the files, in the order in which a starting node or client would report
    /// them, and warnings. It reads files, so it must not run on an event loop.
    ///
    /// A node or client starts with these files exactly if there are no problems.
    package func check(
        for use: CertificateUse
    ) -> (faults: [TLSError], warnings: [String]) {
        do throws(TLSError) {
            return TLSContext.check(try configuration(for: use))
        } catch {
            return ([error], [])
        }
    }

    /// Loads the files.
    ///
    /// A program that renews certificates replaces key and certificate one after the other. A pair that
    /// does not fit together, and that has just changed, is read again for a moment.
    ///
    /// - Throws: `TLSError`, which names the file and its problem.
    func load(for use: CertificateUse = CertificateUse()) throws(TLSError) -> TLSContext {
        for _ in 0..<Self.renewalReads {
            do throws(TLSError) {
                return try TLSContext(configuration: try configuration(for: use))
            } catch {
                guard error.code == .keyMismatch, hasJustChanged else { throw error }
                usleep(Self.renewalPauseMicroseconds)
            }
        }
        return try TLSContext(configuration: try configuration(for: use))
    }

    private static let renewalReads = 20
    private static let renewalPauseMicroseconds: UInt32 = 50_000

    /// Whether key or certificate have changed within the last seconds.
    private var hasJustChanged: Bool {
        let limit = (CertificateFile.now - 2) * 1_000_000_000
        return [files.certificateChain, files.privateKey]
            .contains { (FileIdentity(of: $0)?.changed ?? 0) > limit }
    }

    /// The present state of each file, to tell later whether one has changed.
    var seen: FileChanges.Seen {
        [
            files.certificateChain, files.privateKey, files.trustRoots,
            files.revocationList ?? optionalRevocationList, admittedNodes?.path,
        ].map { $0.flatMap { FileIdentity(of: $0) } }
    }

    /// Reads the files again for the source of new connections.
    ///
    /// If a revocation list was in use and is missing now, that fails: a lost file must not make
    /// revoked certificates valid.
    func replace(_ tls: TLSContextSource) throws(TLSError) -> TLSContext {
        let former = tls.current.configuration
        let context = try load(for: former.use)
        if let list = former.files.revocationList,
            context.configuration.files.revocationList == nil
        {
            throw TLSError(
                .revocationListVanished,
                "the revocation list \(list) is missing, and without it revoked certificates would be"
                    + " accepted again: restore the file, or restart to run without a list",
                about: TLSError.Subject(file: list)
            )
        }
        tls.replace(with: context)
        return context
    }

    private func configuration(for use: CertificateUse) throws(TLSError) -> TLSConfiguration {
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
        configuration.policy.admittedNodes = try admittedNodes?.patterns()
        configuration.requiresRevocationLists = requiresRevocationLists
        configuration.use = use
        configuration.handshakeTimeout = handshakeTimeout
        return configuration
    }

    /// The trust domains in the own certificate. Errors are reported when it is loaded.
    private var ownTrustDomains: Set<String> {
        let own = try? CertificateFile.inspect(file: files.certificateChain)
        return Set((own?.first?.uris ?? []).compactMap { try? SPIFFEName(uri: $0).trustDomain })
    }
}

extension TLSContext {
    /// The expiry dates of the own certificate, of its authorities and of the revocation lists.
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
