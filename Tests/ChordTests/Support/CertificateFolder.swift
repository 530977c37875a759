// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordTestSupport
import Foundation

/// A folder as `make certs` lays it out, of node n1 and clients alice and carol.
struct CertificateFolder: Sendable {
    let folder: URL
    /// A revocation list without entries.
    let empty: String
    /// A revocation list with alice's certificate.
    let againstAlice: String
    /// The roots of the authority, and of another one.
    let roots: [String]
    /// Certificates of n1 and carol that are not in the folder yet, from each authority.
    let renewed: [[String: TestAuthority.Issued]]

    init() throws {
        let parent = FileManager.default.temporaryDirectory
            .appending(path: "chord-reload-\(UUID().uuidString)")
        let authority = try TestAuthority("ours", in: parent)
        folder = authority.folder
        try FileManager.default.copyItem(
            atPath: authority.root.certificate,
            toPath: "\(folder.path)/ca.pem"
        )
        empty = try authority.revocationList("empty.crl")
        let alice = try authority.issue(.member("alice", role: "client"))
        try authority.revoke(alice)
        againstAlice = try authority.revocationList("against.crl")
        let both = [authority, try TestAuthority("other", in: parent)]
        roots = both.map(\.root.certificate)
        renewed = try both.map { authority in
            [
                "n1": try authority.issue(.member("n1")),
                "client-carol": try authority.issue(.member("carol", role: "client")),
            ]
        }
        try put(alice, as: "client-alice")
        try put(authority.issue(.member("n1")), as: "n1")
        try put(authority.issue(.member("carol", role: "client")), as: "client-carol")
    }

    func remove() { try? FileManager.default.removeItem(at: folder.deletingLastPathComponent()) }

    func certificates(_ name: String) -> Certificates {
        Certificates(directory: folder.path, name: name)
    }

    func put(_ issued: TestAuthority.Issued, as name: String) throws {
        try putKey(issued, as: name)
        try putCertificate(issued, as: name)
    }

    func putKey(_ issued: TestAuthority.Issued, as name: String) throws {
        try replace("\(name).key", with: Data(contentsOf: URL(filePath: issued.key)))
    }

    func putCertificate(_ issued: TestAuthority.Issued, as name: String) throws {
        try replace("\(name).pem", with: Data(contentsOf: URL(filePath: issued.certificate)))
    }

    /// Trusts these roots, and no others.
    func trust(_ roots: [String]) throws {
        let bundle = try roots.map { try Data(contentsOf: URL(filePath: $0)) }
        try replace("ca.pem", with: Data(bundle.joined()))
    }

    func put(_ list: String) throws {
        try replace("crl.pem", with: Data(contentsOf: URL(filePath: list)))
    }

    /// Replaces a file by a rename, with the permissions of a key.
    func replace(_ file: String, with content: Data) throws {
        let path = folder.appending(path: file).path
        try content.write(to: URL(filePath: path + ".new"))
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o600],
            ofItemAtPath: path + ".new"
        )
        guard rename(path + ".new", path) == 0 else {
            throw TestFailure("cannot rename \(path).new")
        }
    }
}
