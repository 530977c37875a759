// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCommandLine
import ChordIdentity

/// The content of a certificate as lines.
struct CertificateReport {
    let certificate: PeerCertificate
    /// Seconds since 1970.
    let now: Int64
    let trustDomains: Set<String>

    var lines: [String] {
        var rows: [(String, String)] = [
            ("subject", certificate.subject),
            ("issuer", certificate.issuer.isEmpty ? "unknown" : certificate.issuer),
            ("serial", certificate.serial),
            ("valid", validity),
        ]
        for uri in certificate.uris {
            rows.append(("identity", uri))
            if let name = try? SPIFFEName(uri: uri) {
                rows.append(("role", name.role.description))
                rows.append(("name", name.name))
            }
        }
        let hosts = certificate.dnsNames + certificate.ipAddresses
        if !hosts.isEmpty { rows.append(("hosts", hosts.joined(separator: ", "))) }
        if certificate.isAuthority { rows.append(("authority", "yes")) }
        rows.append(("key usage", usages))
        return rows.map { title, text in
            "\(title.padding(toLength: 10)) \(text.printable)"
        }
    }

    /// The certificate for JSON. Missing values are omitted.
    var json: JSON {
        var members: [(String, JSON)] = [
            ("subject", .string(certificate.subject)), ("issuer", .string(certificate.issuer)),
            ("serial", .string(certificate.serial)),
            ("not_before", .string(Duration.seconds(certificate.notBefore).stamp)),
            ("not_after", .string(Duration.seconds(certificate.notAfter).stamp)),
            ("uris", .array(certificate.uris.map { .string($0) })),
        ]
        if certificate.uris.count == 1, let name = try? SPIFFEName(uri: certificate.uris[0]) {
            members += [
                ("role", .string(name.role.description)), ("name", .string(name.name)),
                ("trust_domain", .string(name.trustDomain)),
            ]
        }
        let hosts = certificate.dnsNames + certificate.ipAddresses
        return .object(
            members + [
                ("hosts", .array(hosts.map { .string($0) })),
                ("authority", .boolean(certificate.isAuthority)),
                ("key_usage", .string(usages)),
            ]
        )
    }

    private var validity: String {
        let days: String
        if now > certificate.notAfter {
            days = "expired \(Self.days(now - certificate.notAfter)) ago"
        } else if now < certificate.notBefore {
            days = "not valid for another \(Self.days(certificate.notBefore - now))"
        } else {
            days = "\(Self.days(certificate.notAfter - now)) left"
        }
        return "\(Self.day(certificate.notBefore)) to \(Self.day(certificate.notAfter)), \(days)"
    }

    private var usages: String {
        let names: [(PeerCertificate.KeyUsage, String)] = [
            (.digitalSignature, "digitalSignature"), (.nonRepudiation, "nonRepudiation"),
            (.keyEncipherment, "keyEncipherment"), (.dataEncipherment, "dataEncipherment"),
            (.keyAgreement, "keyAgreement"), (.keyCertSign, "keyCertSign"), (.cRLSign, "cRLSign"),
        ]
        let extended: [(PeerCertificate.ExtendedKeyUsage, String)] = [
            (.serverAuth, "serverAuth"), (.clientAuth, "clientAuth"), (.any, "any"),
            (.other, "others"),
        ]
        var parts: [String] = []
        if let usage = certificate.keyUsage {
            let list = names.filter { usage.contains($0.0) }.map(\.1).joined(separator: ", ")
            parts.append(list + (certificate.keyUsageIsCritical ? " (critical)" : ""))
        }
        if let usage = certificate.extendedKeyUsage {
            parts.append(extended.filter { usage.contains($0.0) }.map(\.1).joined(separator: ", "))
        }
        return parts.isEmpty ? "unrestricted" : parts.joined(separator: "; ")
    }

    static func days(_ seconds: Int64) -> String {
        let days = seconds / 86_400
        return days == 1 ? "1 day" : days > 0 ? "\(days) days" : "\(max(0, seconds) / 3_600) hours"
    }

    static func day(_ seconds: Int64) -> String {
        Duration.seconds(seconds).day
    }
}
