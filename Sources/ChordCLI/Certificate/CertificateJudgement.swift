// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordTLS

/// What a certificate is good for in a ring, and what is wrong with it.
struct CertificateJudgement {
    private(set) var uses: [String] = []
    private(set) var problems: [String] = []

    init(_ certificate: PeerCertificate, file: String, now: Int64, trustDomains: Set<String>) {
        var domains = trustDomains
        if domains.isEmpty {
            for uri in certificate.uris {
                if let name = try? SPIFFEName(uri: uri) { domains.insert(name.trustDomain) }
            }
        }
        if now > certificate.notAfter {
            problems.append("it has expired: every peer refuses it")
        } else if now < certificate.notBefore {
            problems.append(
                "it is not valid yet: every peer refuses it; is this machine's clock right?"
            )
        }
        if certificate.isAuthority {
            uses.append(
                "an authority: it signs certificates, and belongs in ca.pem; no member's own"
            )
            return
        }
        judge(certificate, domains)
        checkFiles(
            beside: file,
            IdentityPolicy(trustDomains: domains, admitsHostCertificates: true)
        )
    }

    private mutating func judge(_ certificate: PeerCertificate, _ domains: Set<String>) {
        for side in ConnectionSide.allCases {
            do throws(IdentityError) {
                let identity = try IdentityPolicy(trustDomains: domains).judge(
                    certificate,
                    presentedBy: side
                )
                add(use: Self.use(of: identity))
            } catch {
                let admitting = IdentityPolicy(trustDomains: domains, admitsHostCertificates: true)
                if error.code == .noUsableIdentity,
                    let identity = try? admitting.judge(certificate, presentedBy: side)
                {
                    add(
                        use:
                            "a node at \(identity.hosts.joined(separator: ", ")), any name there; only in"
                            + " rings that run with --admit-host-certificates (as \(side))"
                    )
                } else if !problems.contains(error.message) {
                    problems.append(error.message)
                }
            }
        }
    }

    private mutating func add(use: String) {
        if !uses.contains(use) { uses.append(use) }
    }

    private static func use(of identity: PeerIdentity) -> String {
        let name = identity.name ?? "?"
        switch identity.role {
        case .node:
            let hosts =
                identity.hosts.isEmpty
                ? "it names no host, so nobody can join through it"
                : "others may join through it at \(identity.hosts.joined(separator: ", "))"
            return "node \(name): a member of a ring; \(hosts)"
        case .client: return "client \(name): looks up keys and walks the ring"
        case .admin: return "administrator \(name): what a client may do, and running the ring"
        }
    }

    /// Key, authority and revocation list, where they lie beside the certificate.
    private mutating func checkFiles(beside file: String, _ policy: IdentityPolicy) {
        let slash = file.lastIndex(of: "/")
        let folder = slash.map { String(file[...$0]) } ?? ""
        let stem = file.hasSuffix(".pem") ? String(file.dropLast(4)) : file
        let key = "\(stem).key"
        let roots = "\(folder)ca.pem"
        let list = "\(folder)crl.pem"
        guard let mode = Files.mode(of: key) else { return }
        if mode & 0o077 != 0 {
            problems.append(
                "others can read the key \(key): chmod 600 \(key)"
            )
        }
        guard Files.exists(roots) else { return }
        do throws(TLSError) {
            _ = try TLSContext(
                configuration: TLSConfiguration(
                    files: TLSFiles(
                        certificateChain: file,
                        privateKey: key,
                        trustRoots: roots,
                        revocationList: Files.exists(list) ? list : nil
                    ),
                    policy: policy
                )
            )
        } catch {
            // What the judgement of the certificate alone has found already need not be said twice.
            if problems.isEmpty { problems.append(error.message) }
        }
    }

    /// The judgement for a program.
    var members: [(String, JSON)] {
        [
            ("uses", .array(uses.map { .string($0) })),
            ("problems", .array(problems.map { .string($0) })),
        ]
    }

    var lines: [String] {
        let good = uses.map { "good for   \($0.printable)" }
        let bad = problems.map { Style.warning("wrong      \($0.printable)") }
        return good + bad
    }
}
