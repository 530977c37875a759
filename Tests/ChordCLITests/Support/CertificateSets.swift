// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Foundation

/// Certificates with one thing wrong each, made once per run.
struct CertificateSets: Sendable {
    let folder: URL
    let root: TestAuthority.Issued
    let rootWithKey: String
    let good: TestAuthority.Issued
    let other: TestAuthority.Issued
    let expired: TestAuthority.Issued
    let early: TestAuthority.Issued
    let serverOnly: TestAuthority.Issued
    let clientOnly: TestAuthority.Issued
    let noSignature: TestAuthority.Issued
    let authorityAsLeaf: TestAuthority.Issued
    let twoNames: TestAuthority.Issued
    let noHost: TestAuthority.Issued
    let addressAsName: TestAuthority.Issued
    let hostOnly: TestAuthority.Issued
    let revoked: TestAuthority.Issued
    let weakKey: TestAuthority.Issued
    let oddCurve: TestAuthority.Issued
    let weakSignature: TestAuthority.Issued
    let expiredClient: TestAuthority.Issued
    /// For an address that is no machine's.
    let elsewhere: TestAuthority.Issued
    let foreign: TestAuthority.Issued
    let middle: TestAuthority.Issued
    let deepAlone: TestAuthority.Issued
    let deep: TestAuthority.Issued
    let list: String
    let listAgainstMiddle: String
    let expiredList: String
    let forgedList: String
    let foreignList: String

    private static let shared: Result<CertificateSets, any Error> = Result { try CertificateSets() }

    static func get() async throws -> CertificateSets {
        try await onOwnThread { try shared.get() }
    }

    private init() throws {
        folder = TestCertificates.temporary.appending(path: "sets")
        let authority = try TestAuthority("sets", in: folder)
        root = authority.root
        func issue(_ change: (inout TestAuthority.Request) -> Void) throws -> TestAuthority.Issued {
            try authority.issue(.member("n1").with(change))
        }
        let name = "URI:spiffe://chord.test/chord/node/n1"
        let past = Date(timeIntervalSince1970: 1_700_000_000)
        let future = Date(timeIntervalSince1970: 4_000_000_000)
        good = try issue { _ in }
        other = try authority.issue(.member("n2"))
        expired = try issue {
            $0.start = past
            $0.end = past + 86_400
        }
        early = try issue {
            $0.start = future
            $0.end = future + 86_400
        }
        serverOnly = try issue { $0.extendedKeyUsage = "serverAuth" }
        clientOnly = try issue { $0.extendedKeyUsage = "clientAuth" }
        noSignature = try issue { $0.keyUsage = "critical,keyAgreement" }
        authorityAsLeaf = try issue {
            $0.isAuthority = true
            $0.keyUsage = "critical,digitalSignature,keyCertSign"
        }
        twoNames = try issue { $0.alternativeNames.append("URI:spiffe://chord.test/chord/node/n2") }
        noHost = try issue { $0.alternativeNames = [name] }
        addressAsName = try issue { $0.alternativeNames = [name, "DNS:127.0.0.1"] }
        hostOnly = try issue { $0.alternativeNames.removeFirst() }
        weakKey = try issue { $0.key = ["-newkey", "rsa:1024"] }
        oddCurve = try issue {
            $0.key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"]
        }
        weakSignature = try authority.issue(.member("n1"), signedWith: "sha1")
        expiredClient = try authority.issue(
            .member("alice", role: "client").with {
                $0.start = past
                $0.end = past + 86_400
            }
        )
        revoked = try issue { _ in }
        elsewhere = try issue { $0.alternativeNames = [name, "IP:192.0.2.1"] }
        middle = try authority.issue(
            .authority("middle")
        )
        deepAlone = try TestAuthority("middle", in: folder, issuingAs: middle).issue(.member("n1"))
        let place = folder
        func join(_ files: [String], _ name: String) throws -> String {
            let path = place.appending(path: name).path
            try TestCertificates.join(files, into: path)
            return path
        }
        deep = try deepAlone.chained(to: middle)
        rootWithKey = try join([root.certificate, root.key], "root-with-key.pem")
        try authority.revoke(revoked)
        list = try authority.revocationList("list.crl")
        try authority.revoke(middle)
        listAgainstMiddle = try authority.revocationList("against-middle.crl")
        expiredList = try authority.expiredRevocationList()
        let impostors = folder.appending(path: "impostors")
        forgedList = try TestAuthority("sets", in: impostors).revocationList("list.crl")
        let stranger = try TestAuthority("stranger", in: folder)
        foreign = try stranger.issue(.member("n1"))
        foreignList = try stranger.revocationList("list.crl")
    }

    /// Lays a set out as `make certs` does.
    func lay(
        _ issued: TestAuthority.Issued,
        as name: String = "n1",
        trusting roots: String? = nil,
        list: String? = nil,
        mode: Int = 0o600,
        in folder: URL
    ) throws {
        func copy(_ path: String, _ name: String) throws {
            try Data(contentsOf: URL(filePath: path)).write(to: folder.appending(path: name))
        }
        try copy(issued.certificate, "\(name).pem")
        try copy(issued.key, "\(name).key")
        try copy(roots ?? root.certificate, "ca.pem")
        if let list { try copy(list, "crl.pem") }
        try FileManager.default.setAttributes(
            [.posixPermissions: mode],
            ofItemAtPath: folder.appending(path: "\(name).key").path
        )
    }
}
