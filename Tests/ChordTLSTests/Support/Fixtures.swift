// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordTestSupport
import ChordTLS
import Foundation

/// The certificates that the tests use, made once per run.
struct Fixtures: Sendable {
    let folder: URL
    let ours: String
    let ourKey: String
    let foreignRoot: String
    let n1: TestAuthority.Issued
    let n2: TestAuthority.Issued
    let n3: TestAuthority.Issued
    let client: TestAuthority.Issued
    let expired: TestAuthority.Issued
    let notYetValid: TestAuthority.Issued
    let foreign: TestAuthority.Issued
    let foreignTrustDomain: TestAuthority.Issued
    let twoURIs: TestAuthority.Issued
    let authorityAsLeaf: TestAuthority.Issued
    let serverOnly: TestAuthority.Issued
    let noDigitalSignature: TestAuthority.Issued
    let hostOnly: TestAuthority.Issued
    let revoked: TestAuthority.Issued
    let viaIntermediate: TestAuthority.Issued
    let viaNode: TestAuthority.Issued
    let selfSigned: TestAuthority.Issued
    let emptyList: String
    let list: String
    let expiredList: String
    let foreignList: String
    let mixedLists: String
    let bothRoots: String
    let encryptedKey: String

    static let shared: Result<Fixtures, any Error> = {
        let result = Result { try Fixtures() }
        atexit {
            if case .success(let fixtures) = Fixtures.shared {
                try? FileManager.default.removeItem(at: fixtures.folder)
            }
        }
        return result
    }()

    static func get() async throws -> Fixtures { try await onOwnThread { try shared.get() } }

    private init() throws {
        folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("chord-tls-tests-\(UUID().uuidString)")
        let authority = try TestAuthority("ours", in: folder)
        let other = try TestAuthority("foreign", in: folder)
        ours = authority.root.certificate
        ourKey = authority.root.key
        foreignRoot = other.root.certificate
        n1 = try authority.issue(.member("n1"))
        n2 = try authority.issue(.member("n2"))
        n3 = try authority.issue(.member("n3"))
        client = try authority.issue(.member("alice", role: "client"))
        expired = try authority.issue(
            .member("late").with {
                $0.start = Date(timeIntervalSince1970: 1_700_000_000)
                $0.end = Date(timeIntervalSince1970: 1_700_086_400)
            }
        )
        notYetValid = try authority.issue(
            .member("early").with {
                $0.start = Date(timeIntervalSince1970: 4_000_000_000)
                $0.end = Date(timeIntervalSince1970: 4_000_086_400)
            }
        )
        foreign = try other.issue(.member("n1"))
        foreignTrustDomain = try authority.issue(.member("n1", trustDomain: "elsewhere.test"))
        twoURIs = try authority.issue(
            TestAuthority.Request(
                "two",
                ["URI:spiffe://chord.test/chord/node/n1", "URI:spiffe://chord.test/chord/node/n2"]
            )
        )
        authorityAsLeaf = try authority.issue(
            .member("authority").with {
                $0.isAuthority = true
                $0.keyUsage = "critical,digitalSignature,keyCertSign"
            }
        )
        serverOnly = try authority.issue(
            .member("serveronly").with { $0.extendedKeyUsage = "serverAuth" }
        )
        noDigitalSignature = try authority.issue(
            .member("nosign").with { $0.keyUsage = "critical,keyAgreement" }
        )
        hostOnly = try authority.issue(
            TestAuthority.Request("host", ["DNS:*.chord.test", "IP:127.0.0.1"])
        )
        revoked = try authority.issue(.member("gone"))
        encryptedKey = folder.appendingPathComponent("encrypted.key").path
        try authority.openssl([
            "pkcs8", "-topk8", "-in", n1.key, "-passout", "pass:secret", "-out", encryptedKey,
        ])

        let certified = try authority.issue(
            TestAuthority.Request("intermediate authority", []).with {
                $0.isAuthority = true
                $0.keyUsage = "critical,keyCertSign,cRLSign"
                $0.extendedKeyUsage = nil
            }
        )
        viaIntermediate = try Self.chain(through: certified, "intermediate", in: folder)
        viaNode = try Self.chain(through: n1, "usurper", in: folder)

        selfSigned = TestAuthority.Issued(
            certificate: folder.appendingPathComponent("self.crt").path,
            key: folder.appendingPathComponent("self.key").path
        )
        try authority.openssl([
            "req", "-x509", "-config", "ca.cnf", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", selfSigned.key, "-out",
            selfSigned.certificate, "-subj", "/CN=self", "-addext",
            "subjectAltName=URI:spiffe://chord.test/chord/node/self", "-addext",
            "keyUsage=critical,digitalSignature",
        ])

        emptyList = try authority.revocationList("empty.crl")
        try authority.revoke(revoked)
        list = try authority.revocationList("list.crl")
        expiredList = folder.appendingPathComponent("expired.crl").path
        try authority.openssl([
            "ca", "-config", "ca.cnf", "-gencrl", "-crl_lastupdate", "20240101000000Z",
            "-crl_nextupdate", "20240201000000Z", "-out", expiredList,
        ])
        foreignList = try other.revocationList("foreign.crl")
        try other.openssl([
            "ca", "-config", "ca.cnf", "-gencrl", "-crl_lastupdate", "20240101000000Z",
            "-crl_nextupdate", "20240201000000Z", "-out", "expired.crl",
        ])
        mixedLists = folder.appendingPathComponent("mixed.crl").path
        try Self.join([emptyList, other.folder.path + "/expired.crl"], into: mixedLists)
        bothRoots = folder.appendingPathComponent("both.crt").path
        try Self.join([ours, foreignRoot], into: bothRoots)
    }

    /// A node's certificate issued with another certificate, and the chain of both.
    private static func chain(
        through issuer: TestAuthority.Issued,
        _ name: String,
        in folder: URL
    ) throws -> TestAuthority.Issued {
        let authority = try TestAuthority(name, in: folder, issuingAs: issuer)
        let leaf = try authority.issue(.member("deep"))
        let chain = leaf.certificate + ".chain"
        try join([leaf.certificate, issuer.certificate], into: chain)
        return TestAuthority.Issued(certificate: chain, key: leaf.key)
    }

    static func join(_ files: [String], into path: String) throws {
        let texts = try files.map { try String(contentsOfFile: $0, encoding: .utf8) }
        try texts.joined().write(toFile: path, atomically: true, encoding: .utf8)
    }

    static let policy = IdentityPolicy(trustDomains: ["chord.test"])

    /// A configuration that shows a certificate and trusts our authority.
    func configuration(
        _ issued: TestAuthority.Issued,
        trusting roots: String? = nil,
        revocationList: String? = nil,
        policy: IdentityPolicy = Fixtures.policy
    ) -> TLSConfiguration {
        TLSConfiguration(
            files: TLSFiles(
                certificateChain: issued.certificate,
                privateKey: issued.key,
                trustRoots: roots ?? ours,
                revocationList: revocationList
            ),
            policy: policy
        )
    }

    /// A context that shows a certificate and trusts our authority.
    func context(
        _ issued: TestAuthority.Issued,
        trusting roots: String? = nil,
        revocationList: String? = nil,
        policy: IdentityPolicy = Fixtures.policy
    ) throws -> TLSContext {
        try TLSContext(
            configuration: configuration(
                issued,
                trusting: roots,
                revocationList: revocationList,
                policy: policy
            )
        )
    }
}
