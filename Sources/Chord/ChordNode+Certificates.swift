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
    /// What a node's certificate has to be: of role node, of its name, and valid for the host that others
    /// dial, without which nobody could join through it.
    static func use(of configuration: ChordConfiguration, listen: NetworkAddress) -> CertificateUse
    {
        let advertised = configuration.advertise.map { NetworkAddress.host(of: $0) }
        // Where neither is a host that can be dialled, the settings are refused for that.
        let host = advertised ?? (isWildcard(listen.host) ? nil : listen.host)
        return CertificateUse(
            role: .node,
            name: configuration.name,
            hosts: [host].compactMap { $0 }
        )
    }

    /// Whether a host stands for all addresses of the machine.
    static func isWildcard(_ host: String) -> Bool { ["0.0.0.0", "::"].contains(host) }

    /// Reads the certificate files anew: own certificate and key, trusted authorities, revocation list,
    /// which is looked for again where there was none. New connections use them; those that are open go on
    /// for as long as their peers would still be accepted. What has changed is told in the log. Reads
    /// files: not for an event loop.
    ///
    /// A revocation list that was in use and is gone is refused: a file that is lost must not make revoked
    /// certificates valid. To do without one, start the node again.
    ///
    /// - Throws: `ChordError` with `invalidConfiguration`; the former certificates then stay in use.
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
                    "the revocation list \(list) is gone, and without it revoked certificates would be"
                        + " accepted again: put it back, or start the node again to do without",
                    about: TLSError.Subject(file: list)
                )
            }
        } catch {
            throw ChordError(
                .invalidConfiguration,
                "the certificates stay as they are",
                cause: error
            )
        }
        tls.replace(with: context)
        tell(of: context, "read the certificates anew")
    }

    /// Tells in the log which certificates are in use, and watches their ends.
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
