// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordCommandLine
import ChordIdentity
import ChordTLS

/// The uses of a certificate in a ring, and its problems.
///
/// The problems come from the code that reads the files for `chord serve` and the other commands.
/// The commands therefore refuse exactly the reported problems.
struct CertificateJudgement {
    private(set) var uses: [String] = []
    private(set) var problems: [String] = []
    private(set) var notes: [String] = []

    /// - Parameters:
    ///   - leaf: The certificate.
    ///   - certificates: The certificate's file and the files beside it.
    ///   - name: The name of the node that will use it; nil if it does not matter.
    ///   - hosts: The hosts that others will dial.
    ///   - hasKey: Whether the key must be present.
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
        // A certificate without a SPIFFE name can only be a node's.
        if spoken == nil { use.role = .node }
        if use.role == .node { use.name = name }
        let (faults, warnings) = certificates.check(for: use)
        problems = faults.filter { fault in
            hasKey || fault.code != .fileMissing || fault.subject.file != files.privateKey
        }.map { fault in
            let isHost = (fault.cause as? IdentityError)?.code == .noUsableIdentity
            return isHost && leaf.uris.isEmpty && !certificates.admitsHostCertificates
                ? "\(fault.message); --admit-host-certificates accepts it, as proof of its hosts only"
                : fault.message
        }
        notes = warnings
        if problems.isEmpty { judgeUses(leaf, certificates) }
    }

    private mutating func judge(authority: PeerCertificate) {
        uses.append(
            "an authority's certificate, for ca.pem: it signs certificates; no node or client can use it"
        )
        let now = CertificateFile.now
        let clock = "this machine's clock says \(PeerCertificate.timestamp(secondsSince1970: now))"
        if now > authority.notAfter {
            problems.append(
                "it has expired: every peer refuses the certificates that it has issued; \(clock)"
            )
        } else if now < authority.notBefore {
            problems.append("it is not valid yet; \(clock): is the clock right?")
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
            return "a node at \(hosts), with any name; only in rings with"
                + " --admit-host-certificates"
        }
        let name = identity.name ?? "?"
        switch identity.role {
        case .node:
            return "node \(name): a member of a ring, which others can dial at \(hosts)"
        case .client: return "client \(name): may look keys up and list the ring"
        case .admin:
            return
                "administrator \(name): may do what a client may, make nodes leave and rings merge"
        }
    }

    /// The result for JSON.
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
