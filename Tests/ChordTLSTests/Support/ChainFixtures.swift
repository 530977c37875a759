// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import ChordTLS
import Foundation

/// Authorities below one another, and their revocation lists, made once per run: a root, a middle
/// authority that it has certified, and a lower one that the middle has certified.
struct ChainFixtures: Sendable {
    let folder: URL
    let root: TestAuthority.Issued
    let middle: TestAuthority.Issued
    let lower: TestAuthority.Issued
    /// Issued by the root.
    let own: TestAuthority.Issued
    /// Issued by the middle authority, with its certificate behind it.
    let deep: TestAuthority.Issued
    /// Issued by the middle authority and on its list.
    let deepRevoked: TestAuthority.Issued
    /// Issued by the lower authority, with both certificates behind it.
    let deepest: TestAuthority.Issued
    let rootList: String
    /// The root's list with the middle authority on it.
    let rootListAgainstMiddle: String
    let middleList: String
    let expiredMiddleList: String
    let rootAndExpiredMiddleList: String
    /// A list in the root's name by another key.
    let forgedRootList: String
    /// The root's list, and one in the middle authority's name by another key.
    let forgedMiddleList: String
    let deltaList: String
    let indirectList: String
    let rootAndMiddleLists: String

    static let shared: Result<ChainFixtures, any Error> = Result { try ChainFixtures() }

    static func get() async throws -> ChainFixtures {
        try await onOwnThread { try shared.get() }
    }

    private init() throws {
        folder = TestCertificates.temporary.appending(path: "chains")
        let authority = try TestAuthority("top", in: folder)
        root = authority.root
        own = try authority.issue(.member("n1"))
        middle = try authority.issue(.authority("middle"))
        let middleAuthority = try TestAuthority("middle", in: folder, issuingAs: middle)
        lower = try middleAuthority.issue(.authority("lower"))
        let lowerAuthority = try TestAuthority("lower", in: folder, issuingAs: lower)
        deep = try middleAuthority.issue(.member("deep")).chained(to: middle)
        let lost = try middleAuthority.issue(.member("lost"))
        deepRevoked = try lost.chained(to: middle)
        deepest = try lowerAuthority.issue(.member("deepest")).chained(to: lower, middle)

        rootList = try authority.revocationList("empty.crl")
        try authority.revoke(middle)
        rootListAgainstMiddle = try authority.revocationList("against-middle.crl")
        try middleAuthority.revoke(lost)
        middleList = try middleAuthority.revocationList("list.crl")
        expiredMiddleList = try middleAuthority.expiredRevocationList()
        let place = folder
        func path(_ name: String) -> String { place.appendingPathComponent(name).path }
        rootAndMiddleLists = path("both.crl")
        try TestCertificates.join([rootList, middleList], into: rootAndMiddleLists)
        rootAndExpiredMiddleList = path("expired.crl")
        try TestCertificates.join([rootList, expiredMiddleList], into: rootAndExpiredMiddleList)

        let impostors = folder.appendingPathComponent("impostors")
        forgedRootList = try TestAuthority("top", in: impostors).revocationList("list.crl")
        // An authority's certificate is called as it was asked for, its own folder aside.
        let impostor = try TestAuthority("any", in: impostors)
        let forged = try impostor.issue(.authority("middle"))
        let forger = try TestAuthority("middle", in: impostors, issuingAs: forged)
        forgedMiddleList = path("forged-middle.crl")
        try TestCertificates.join(
            [rootList, try forger.revocationList("list.crl")],
            into: forgedMiddleList
        )
        deltaList = try Self.list(authority, "delta", "2.5.29.27 = critical,DER:02:01:01")
        indirectList = try Self.list(
            authority,
            "indirect",
            "issuingDistributionPoint = critical, @extent\n[extent]\nindirectCRL = TRUE"
        )
    }

    /// A list with an extension that makes it less than an authority's full list.
    private static func list(
        _ authority: TestAuthority,
        _ name: String,
        _ fields: String
    ) throws -> String {
        let usual = authority.folder.appendingPathComponent("ca.cnf")
        let text = try String(contentsOf: usual, encoding: .utf8)
        try "\(text)\n[\(name)]\n\(fields)\n".write(
            to: authority.folder.appendingPathComponent("\(name).cnf"),
            atomically: true,
            encoding: .utf8
        )
        let path = authority.folder.appendingPathComponent("\(name).crl").path
        try authority.openssl([
            "ca", "-config", "\(name).cnf", "-gencrl", "-crlexts", name, "-crlsec", "86400", "-out",
            path,
        ])
        return path
    }

    func configuration(
        _ issued: TestAuthority.Issued,
        trusting roots: String? = nil,
        revocationList: String? = nil
    ) -> TLSConfiguration {
        issued.configuration(
            trusting: roots ?? root.certificate,
            revocationList: revocationList
        )
    }
}
