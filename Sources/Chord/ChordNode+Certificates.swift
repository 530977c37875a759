// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
public import ChordRuntime
import ChordTLS
import ChordTransport
import Logging

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

    /// Whether a host is a wildcard address.
    static func isWildcard(_ host: String) -> Bool { ["0.0.0.0", "::"].contains(host) }

    /// Reads the certificate files again: the own certificate and key, trusted authorities, and the
    /// revocation list, also if there was none before. New connections use them. Open connections
    /// continue as long as their peers are still accepted. The log tells the changes. It reads
    /// files, so it must not run on an event loop.
    ///
    /// If a revocation list was in use and is missing now, the reload fails: a lost file must not
    /// make revoked certificates valid. Restart the node to run without a list.
    ///
    /// - Throws: `ChordError` with `invalidConfiguration`; the previous certificates then stay in
    ///   use.
    public func reloadCertificates() throws(ChordError) {
        let former = tls.current
        let context: TLSContext
        do throws(TLSError) {
            context = try configuration.certificates.load(for: former.configuration.use)
            if let list = former.configuration.files.revocationList,
                context.configuration.files.revocationList == nil
            {
                throw TLSError(
                    .revocationListVanished,
                    "the revocation list \(list) is missing, and without it revoked certificates would be"
                        + " accepted again: restore the file, or restart the node to run without a list",
                    about: TLSError.Subject(file: list)
                )
            }
        } catch {
            throw ChordError(
                .invalidConfiguration,
                "the present certificates stay in use",
                cause: error
            )
        }
        tls.replace(with: context)
        tell(of: context, "read the certificates again")
    }

    /// Logs which certificates are in use, and watches their expiry.
    func tell(of context: TLSContext, _ what: String) {
        let logger = configuration.logger
        let list = context.configuration.files.revocationList
        logger.info(
            "\(what)",
            metadata: [
                LogKeys.node: "\(configuration.name)",
                LogKeys.serial: "\(context.certificate.serial)",
                LogKeys.ends:
                    "\(PeerCertificate.timestamp(secondsSince1970: context.certificate.notAfter))",
                LogKeys.revocation: "\(list ?? "none")",
            ]
        )
        if list == nil {
            let place = configuration.certificates.optionalRevocationList.map { " at \($0)" } ?? ""
            logger.notice(
                "there is no revocation list\(place): revoked certificates are accepted",
                metadata: [LogKeys.node: "\(configuration.name)"]
            )
        }
        for warning in context.warnings {
            logger.warning("\(warning)", metadata: [LogKeys.node: "\(configuration.name)"])
        }
        certificateWatch.watch(context.validities)
    }
}
