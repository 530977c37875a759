// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordCommandLine
import ChordIdentity
import ChordTLS

/// What a certificate is good for in a ring, and what is wrong with it.
///
/// What is wrong is said by the same code that reads the files for `chord serve` and the other commands,
/// so that they refuse exactly what is called wrong here.
struct CertificateJudgement {
    private(set) var uses: [String] = []
    private(set) var problems: [String] = []
    private(set) var notes: [String] = []

    /// - Parameters:
    ///   - leaf: The certificate.
    ///   - certificates: It and the files that lie beside it.
    ///   - name: What a node that shows it is to be called; nil where that plays no part.
    ///   - hosts: What others are to dial.
    ///   - hasKey: Whether its key is expected to be there.
    init(
        _ leaf: PeerCertificate,
        _ certificates: Certificates,
        name: String?,
        hosts: [String],
        hasKey: Bool
    ) {
        let files = certificates.files
        let isTrustedItself = files.certificateChain == files.trustRoots
        if leaf.isAuthority, isTrustedItself || !CertificateFile.exists(files.privateKey) {
            judge(authority: leaf)
            return
        }
        let spoken = leaf.uris.lazy.compactMap { try? SPIFFEName(uri: $0) }.first
        var use = CertificateUse(role: spoken?.role, hosts: hosts)
        // Whoever carries no SPIFFE name can be a node only.
        if spoken == nil { use.role = .node }
        if use.role == .node { use.name = name }
        let (faults, warnings) = certificates.check(for: use)
        problems = faults.filter { fault in
            hasKey || fault.code != .fileMissing || fault.subject.file != files.privateKey
        }.map { fault in
            let isHost = (fault.cause as? IdentityError)?.code == .noUsableIdentity
            return isHost && leaf.uris.isEmpty && !certificates.admitsHostCertificates
                ? "\(fault.message); --admit-host-certificates accepts it, proven for its hosts only"
                : fault.message
        }
        notes = warnings
        if problems.isEmpty { judgeUses(leaf, certificates) }
    }

    private mutating func judge(authority: PeerCertificate) {
        uses.append("an authority: it signs certificates, and belongs in ca.pem; no member's own")
        let now = CertificateFile.now
        let clock = "this machine's clock says \(PeerCertificate.timestamp(secondsSince1970: now))"
        if now > authority.notAfter {
            problems.append("it has expired: every peer refuses what it has issued; \(clock)")
        } else if now < authority.notBefore {
            problems.append("it is not valid yet; \(clock): is that right?")
        }
    }

    private mutating func judgeUses(_ leaf: PeerCertificate, _ certificates: Certificates) {
        var domains = certificates.trustDomains
        if domains.isEmpty {
            domains = Set(leaf.uris.compactMap { try? SPIFFEName(uri: $0).trustDomain })
        }
        let policy = IdentityPolicy(
            trustDomains: domains,
            admitsHostCertificates: certificates.admitsHostCertificates
        )
        for side in ConnectionSide.allCases {
            guard let identity = try? policy.identity(of: leaf, presentedBy: side) else { continue }
            let use = Self.use(of: identity)
            if !uses.contains(use) { uses.append(use) }
        }
    }

    private static func use(of identity: PeerIdentity) -> String {
        let hosts = identity.hosts.joined(separator: ", ")
        guard identity.proof == .spiffe else {
            return "a node at \(hosts), any name there; only in rings that run with"
                + " --admit-host-certificates"
        }
        let name = identity.name ?? "?"
        switch identity.role {
        case .node:
            return "node \(name): a member of a ring; others may join through it at \(hosts)"
        case .client: return "client \(name): looks up keys and walks the ring"
        case .admin: return "administrator \(name): what a client may do, and running the ring"
        }
    }

    /// The judgement for a program.
    var members: [(String, JSON)] {
        [
            ("uses", .array(uses.map { .string($0) })),
            ("problems", .array(problems.map { .string($0) })),
            ("notes", .array(notes.map { .string($0) })),
        ]
    }

    var lines: [String] {
        let good = uses.map { "good for   \($0.printable)" }
        let bad = problems.map { Style.warning("wrong      \($0.printable)") }
        return good + bad + notes.map { "note       \($0.printable)" }
    }
}
