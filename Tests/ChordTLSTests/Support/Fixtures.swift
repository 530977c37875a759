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

    static let shared: Result<Fixtures, any Error> = Result { try Fixtures() }

    static func get() async throws -> Fixtures { try await onOwnThread { try shared.get() } }

    private init() throws {
        folder = TestCertificates.temporary.appending(path: "tls")
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
            .authority("intermediate authority")
        )
        viaIntermediate = try TestAuthority("intermediate", in: folder, issuingAs: certified)
            .issue(.member("deep")).chained(to: certified)
        viaNode = try TestAuthority("usurper", in: folder, issuingAs: n1)
            .issue(.member("deep")).chained(to: n1)

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
        expiredList = try authority.expiredRevocationList()
        foreignList = try other.revocationList("foreign.crl")
        mixedLists = folder.appendingPathComponent("mixed.crl").path
        try TestCertificates.join(
            [emptyList, try other.expiredRevocationList()],
            into: mixedLists
        )
        bothRoots = folder.appendingPathComponent("both.crt").path
        try TestCertificates.join([ours, foreignRoot], into: bothRoots)
    }

    /// A configuration that shows a certificate and trusts our authority.
    func configuration(
        _ issued: TestAuthority.Issued,
        trusting roots: String? = nil,
        revocationList: String? = nil,
        policy: IdentityPolicy = TestCertificates.policy
    ) -> TLSConfiguration {
        issued.configuration(
            trusting: roots ?? ours,
            revocationList: revocationList,
            policy: policy
        )
    }

    /// A context that shows a certificate and trusts our authority.
    func context(
        _ issued: TestAuthority.Issued,
        trusting roots: String? = nil,
        revocationList: String? = nil,
        policy: IdentityPolicy = TestCertificates.policy
    ) throws -> TLSContext {
        try issued.context(
            trusting: roots ?? ours,
            revocationList: revocationList,
            policy: policy
        )
    }
}
