// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordIdentity
package import ChordTLS
package import Foundation

/// The certificates of all test targets, issued by the `openssl` command once per run.
///
/// A certificate with a fault is otherwise node n1's, so that only the fault can be the reason of a
/// refusal.
package struct TestCertificates: Sendable {
    package typealias Issued = TestAuthority.Issued

    package let folder: URL

    // The authority that all trust, and files with several certificates.
    package let authority: Issued
    package let authorityWithKey: String
    package let bothAuthorities: String

    package let n1: Issued
    package let n2: Issued
    package let n3: Issued
    package let n4: Issued
    /// A node that is another implementation.
    package let py: Issued
    /// Clients.
    package let alice: Issued
    package let bob: Issued
    package let admin: Issued

    package let expired: Issued
    package let expiredClient: Issued
    package let notYetValid: Issued
    package let revoked: Issued
    package let twoURIs: Issued
    package let foreignTrustDomain: Issued
    package let authorityAsLeaf: Issued
    package let serverOnly: Issued
    package let clientOnly: Issued
    package let noDigitalSignature: Issued
    package let weakKey: Issued
    package let oddCurve: Issued
    package let weakSignature: Issued
    package let selfSigned: Issued
    /// The key of `n1` with a password.
    package let encryptedKey: String

    package let noHost: Issued
    package let addressAsName: Issued
    /// Without a SPIFFE identifier.
    package let hostOnly: Issued
    package let wildcardHost: Issued
    /// For a host and for an address that are no machine of the tests.
    package let elsewhere: Issued
    package let otherAddress: Issued

    /// An authority below `authority`.
    package let intermediate: Issued
    /// Issued by `intermediate`, with its certificate behind it.
    package let viaIntermediate: Issued
    package let withoutIntermediate: Issued
    /// Node n2's, issued by `n1`, which is no authority.
    package let viaNode: Issued

    // An authority that nobody trusts, and its nodes.
    package let foreignAuthority: Issued
    package let foreign: Issued
    package let foreignN2: Issued

    // Revocation lists of `authority`; each revokes all that those before it revoke.
    package let emptyList: String
    /// Revokes `revoked`.
    package let list: String
    package let listWithIntermediate: String
    package let listWithN2: String
    package let expiredList: String
    /// In the name of `authority` by another key.
    package let forgedList: String
    package let foreignList: String
    /// `emptyList`, and an expired list of `foreignAuthority`.
    package let mixedLists: String

    package static let shared: Result<TestCertificates, any Error> = Result {
        try TestCertificates()
    }

    /// The certificates; the first call issues them, on a thread of its own.
    package static func get() async throws -> TestCertificates {
        try await onOwnThread { try shared.get() }
    }

    private init() throws {
        let folder = Self.temporary.appending(path: "set")
        self.folder = folder
        let issuer = try TestAuthority("ours", in: folder)
        let foreignIssuer = try TestAuthority("foreign", in: folder)
        authority = issuer.root
        foreignAuthority = foreignIssuer.root
        func join(_ files: [String], as name: String) throws -> String {
            let path = folder.appending(path: name).path
            try Self.join(files, into: path)
            return path
        }
        authorityWithKey = try join(
            [authority.certificate, authority.key],
            as: "root-with-key.pem"
        )
        bothAuthorities = try join(
            [authority.certificate, foreignAuthority.certificate],
            as: "both.crt"
        )

        n1 = try issuer.issue(.member("n1"))
        n2 = try issuer.issue(.member("n2"))
        n3 = try issuer.issue(.member("n3"))
        n4 = try issuer.issue(.member("n4"))
        py = try issuer.issue(.member("py"))
        alice = try issuer.issue(.member("alice", role: "client"))
        bob = try issuer.issue(.member("bob", role: "client"))
        admin = try issuer.issue(.member("admin", role: "admin"))

        func faulty(_ change: (inout TestAuthority.Request) -> Void) throws -> Issued {
            try issuer.issue(.member("n1").with(change))
        }
        let past = Date(timeIntervalSince1970: 1_700_000_000)
        let future = Date(timeIntervalSince1970: 4_000_000_000)
        expired = try faulty {
            $0.start = past
            $0.end = past + 86_400
        }
        expiredClient = try issuer.issue(
            .member("alice", role: "client").with {
                $0.start = past
                $0.end = past + 86_400
            }
        )
        notYetValid = try faulty {
            $0.start = future
            $0.end = future + 86_400
        }
        revoked = try faulty { _ in }
        let identity = "URI:spiffe://\(Self.trustDomain)/chord/node/n1"
        twoURIs = try faulty {
            $0.alternativeNames.append("URI:spiffe://\(Self.trustDomain)/chord/node/n2")
        }
        foreignTrustDomain = try issuer.issue(.member("n1", trustDomain: "elsewhere.test"))
        authorityAsLeaf = try faulty {
            $0.isAuthority = true
            $0.keyUsage = "critical,digitalSignature,keyCertSign"
        }
        serverOnly = try faulty { $0.extendedKeyUsage = "serverAuth" }
        clientOnly = try faulty { $0.extendedKeyUsage = "clientAuth" }
        noDigitalSignature = try faulty { $0.keyUsage = "critical,keyAgreement" }
        weakKey = try faulty { $0.key = ["-newkey", "rsa:1024"] }
        oddCurve = try faulty {
            $0.key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"]
        }
        weakSignature = try issuer.issue(.member("n1"), signedWith: "sha1")
        selfSigned = try issuer.issueSelfSigned("n1", [identity])
        encryptedKey = folder.appending(path: "encrypted.key").path
        try issuer.openssl([
            "pkcs8", "-topk8", "-in", n1.key, "-passout", "pass:secret", "-out", encryptedKey,
        ])

        noHost = try faulty { $0.alternativeNames = [identity] }
        addressAsName = try faulty { $0.alternativeNames = [identity, "DNS:127.0.0.1"] }
        hostOnly = try faulty { $0.alternativeNames.removeAll { $0.hasPrefix("URI") } }
        wildcardHost = try faulty { $0.alternativeNames = ["DNS:*.chord.test", "IP:127.0.0.1"] }
        elsewhere = try faulty { $0.alternativeNames = [identity, "DNS:elsewhere.example"] }
        otherAddress = try faulty { $0.alternativeNames = [identity, "IP:192.0.2.1"] }

        intermediate = try issuer.issue(.authority("intermediate authority"))
        withoutIntermediate = try TestAuthority(
            "intermediate",
            in: folder,
            issuingAs: intermediate
        ).issue(.member("n1"))
        viaIntermediate = try withoutIntermediate.chained(to: intermediate)
        viaNode = try TestAuthority("usurper", in: folder, issuingAs: n1)
            .issue(.member("n2")).chained(to: n1)

        foreign = try foreignIssuer.issue(.member("n1"))
        foreignN2 = try foreignIssuer.issue(.member("n2"))

        emptyList = try issuer.revocationList("empty.crl")
        try issuer.revoke(revoked)
        list = try issuer.revocationList("list.crl")
        try issuer.revoke(intermediate)
        listWithIntermediate = try issuer.revocationList("with-intermediate.crl")
        try issuer.revoke(n2)
        listWithN2 = try issuer.revocationList("with-n2.crl")
        expiredList = try issuer.expiredRevocationList()
        // Authorities of the same name have the same subject.
        let impostors = folder.appending(path: "impostors")
        forgedList = try TestAuthority("ours", in: impostors).revocationList("list.crl")
        foreignList = try foreignIssuer.revocationList("foreign.crl")
        mixedLists = try join(
            [emptyList, try foreignIssuer.expiredRevocationList()],
            as: "mixed.crl"
        )
    }

    /// The certificates without a fault, by name.
    package var members: [String: Issued] {
        [
            "n1": n1, "n2": n2, "n3": n3, "n4": n4, "py": py, "alice": alice, "bob": bob,
            "admin": admin,
        ]
    }

    /// A configuration that shows a certificate and trusts `authority`, unless told otherwise.
    package func configuration(
        _ issued: Issued,
        trusting roots: String? = nil,
        revocationList: String? = nil,
        policy: IdentityPolicy = TestCertificates.policy
    ) -> TLSConfiguration {
        issued.configuration(
            trusting: roots ?? authority.certificate,
            revocationList: revocationList,
            policy: policy
        )
    }

    /// A context that shows a certificate and trusts `authority`, unless told otherwise.
    package func context(
        _ issued: Issued,
        trusting roots: String? = nil,
        revocationList: String? = nil,
        policy: IdentityPolicy = TestCertificates.policy
    ) throws -> TLSContext {
        try issued.context(
            trusting: roots ?? authority.certificate,
            revocationList: revocationList,
            policy: policy
        )
    }
}

extension TestCertificates {
    package static let trustDomain = "chord.test"
    package static let policy = IdentityPolicy(trustDomains: [trustDomain])

    /// The folder for certificates of this run. It is removed when the tests end.
    package static let temporary: URL = {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "chord-tests-\(UUID().uuidString)")
        try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        atexit { try? FileManager.default.removeItem(at: TestCertificates.temporary) }
        return folder
    }()

    /// Writes the files one after the other into a new file.
    package static func join(_ files: [String], into path: String) throws {
        let texts = try files.map { try String(contentsOfFile: $0, encoding: .utf8) }
        try texts.joined().write(toFile: path, atomically: true, encoding: .utf8)
    }
}
