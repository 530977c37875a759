// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
public import ChordRuntime
import ChordTLS
import ChordTransport

extension ChordNode {
    /// The requirements for a node's certificate: role node, the node's name, and the host that
    /// others dial. Without that host no node could join through it.
    static func use(of configuration: ChordConfiguration, listen: NetworkAddress) -> CertificateUse
    {
        let advertised = configuration.advertise.map { NetworkAddress.host(of: $0) }
        // If neither address has a host that can be dialled, the settings are refused for that
        // reason.
        let host = advertised ?? (isWildcard(listen.host) ? nil : listen.host)
        return CertificateUse(
            role: .node,
            name: configuration.name,
            hosts: [host].compactMap { $0 }
        )
    }

    static func certificateReloader(
        _ configuration: ChordConfiguration,
        seen: FileChanges.Seen,
        tls: TLSContextSource,
        executor: any NodeExecutor,
        watch: CertificateWatch
    ) -> FileReloader {
        let certificates = configuration.certificates
        return FileReloader(
            .certificates,
            first: seen,
            executor: executor,
            logger: configuration.logger,
            node: configuration.name,
            seeFiles: { certificates.seen },
            use: {
                watch.watch(
                    try certificates.replace(tls),
                    optionalList: certificates.optionalRevocationList,
                    saying: "read the certificates again"
                )
            }
        )
    }

    /// Whether a host is a wildcard address.
    static func isWildcard(_ host: String) -> Bool { ["0.0.0.0", "::"].contains(host) }

    /// Reads the certificate files again: the own certificate and key, trusted authorities, and the
    /// revocation list, also if there was none before. New connections use them. Open connections
    /// continue as long as their peers are still accepted. The log tells the changes. It reads
    /// files, so it must not run on an event loop.
    ///
    /// A running node notices changed files by itself within five seconds. This method does not wait
    /// for that, and tells why files are refused.
    ///
    /// If a revocation list was in use and is missing now, the reload fails: a lost file must not
    /// make revoked certificates valid. Restart the node to run without a list.
    ///
    /// - Throws: `ChordError` with `invalidConfiguration`; the previous certificates then stay in
    ///   use.
    public func reloadCertificates() throws(ChordError) {
        do {
            try certificateReloader.reload()
        } catch {
            throw ChordError(
                .invalidConfiguration,
                "the present certificates stay in use",
                cause: error
            )
        }
    }
}
