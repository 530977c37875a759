// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordIdentity
import ChordTLS
import ChordTestSupport
import Foundation

/// The good certificates and the bad ones, made by the `openssl` command once per run.
struct InteropCertificates: Sendable {
    let folder: URL
    /// The authority that everybody trusts.
    let roots: String
    /// The list that names `revoked` and nothing else.
    let revocationList: String
    let nodes: [String: TestAuthority.Issued]
    /// The Python server's, a node.
    let py: TestAuthority.Issued
    let alice: TestAuthority.Issued
    /// Another client's.
    let bob: TestAuthority.Issued
    /// An administrator's.
    let root: TestAuthority.Issued

    let revoked: TestAuthority.Issued
    let expired: TestAuthority.Issued
    let notYetValid: TestAuthority.Issued
    let twoURIs: TestAuthority.Issued
    let noURI: TestAuthority.Issued
    let subordinateAuthority: TestAuthority.Issued
    let authorityItself: TestAuthority.Issued
    let foreignDomain: TestAuthority.Issued
    let clientUsageOnly: TestAuthority.Issued
    let elsewhere: TestAuthority.Issued
    /// A valid certificate from an untrusted authority.
    let stranger: TestAuthority.Issued

    private static let shared: Result<InteropCertificates, any Error> = Result {
        try InteropCertificates()
    }

    static func get() async throws -> InteropCertificates {
        try await onOwnThread { try shared.get() }
    }

    private init() throws {
        folder = TestCertificates.temporary.appending(path: "interop")
        let ours = try TestAuthority("ours", in: folder)
        let other = try TestAuthority("other", in: folder)
        roots = ours.root.certificate
        authorityItself = ours.root
        var nodes: [String: TestAuthority.Issued] = [:]
        for name in ["n1", "n2", "n3"] { nodes[name] = try ours.issue(.member(name)) }
        self.nodes = nodes
        py = try ours.issue(.member(PythonServer.name))
        alice = try ours.issue(.member("alice", role: "client"))
        bob = try ours.issue(.member("bob", role: "client"))
        root = try ours.issue(.member("root", role: "admin"))

        let day: TimeInterval = 86_400
        expired = try ours.issue(
            .member("expired").with {
                $0.start = Date(timeIntervalSinceNow: -2 * day)
                $0.end = Date(timeIntervalSinceNow: -day)
            }
        )
        notYetValid = try ours.issue(
            .member("early").with { $0.start = Date(timeIntervalSinceNow: day) }
        )
        twoURIs = try ours.issue(
            .member("twice").with {
                $0.alternativeNames.append(
                    "URI:spiffe://\(TestCertificates.trustDomain)/chord/node/n1"
                )
            }
        )
        noURI = try ours.issue(
            .member("nameless").with { $0.alternativeNames.removeAll { $0.hasPrefix("URI") } }
        )
        subordinateAuthority = try ours.issue(
            .member("subordinate").with {
                $0.isAuthority = true
                $0.keyUsage = "critical,digitalSignature,keyCertSign"
            }
        )
        foreignDomain = try ours.issue(.member("foreign", trustDomain: "elsewhere.test"))
        clientUsageOnly = try ours.issue(
            .member("half", role: "client").with { $0.extendedKeyUsage = "clientAuth" }
        )
        elsewhere = try ours.issue(
            Request.member("n1").with {
                $0.alternativeNames.removeAll { !$0.hasPrefix("URI") }
                $0.alternativeNames.append("DNS:elsewhere.example")
            }
        )
        stranger = try other.issue(.member("n2"))
        revoked = try ours.issue(.member("lost"))
        try ours.revoke(revoked)
        revocationList = try ours.revocationList("list.crl")
    }

    private typealias Request = TestAuthority.Request

    /// The files of one of us.
    func files(_ issued: TestAuthority.Issued) -> TLSFiles {
        issued.files(trusting: roots, revocationList: revocationList)
    }

    /// The certificates of one of us, as nodes and clients take them.
    func chord(_ issued: TestAuthority.Issued) -> Certificates {
        Certificates(files: files(issued))
    }

    /// A context of one of us, for a bare transport.
    func context(_ issued: TestAuthority.Issued) throws -> TLSContext {
        try issued.context(trusting: roots, revocationList: revocationList)
    }

    /// A folder with the files of client `alice`.
    func folderOfCommand() throws -> String {
        let files = [
            "ca.pem": roots, "crl.pem": revocationList, "client-alice.pem": alice.certificate,
            "client-alice.key": alice.key,
        ]
        let here = folder.appendingPathComponent("command-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: here, withIntermediateDirectories: true)
        for (name, file) in files {
            try FileManager.default.copyItem(
                atPath: file,
                toPath: here.appendingPathComponent(name).path
            )
        }
        return here.path
    }
}
