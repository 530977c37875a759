// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordTLS
import ChordTestSupport
import Foundation
import Testing

/// `make certs` and its companions, as they are typed.
@Suite(.tags(.network, .slow), .serialized, .timeLimit(.minutes(5)))
struct CertificateScriptTests {
    /// Runs make with these targets and settings.
    private func make(_ arguments: String..., in folder: URL) async throws -> (Int32, String) {
        try await onOwnThread {
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments =
                ["make", "--no-print-directory", "CERTS_DIR=\(folder.path)"] + arguments
            process.currentDirectoryURL = TestCertificates.root
            process.environment = [
                "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
            ]
            process.standardInput = FileHandle.nullDevice
            let said = try process.runToEnd()
            return (process.terminationStatus, said)
        }
    }

    @Test("Unknown settings are reported, and nothing is created")
    func mistakenSettings() async throws {
        let folder = TestCertificates.temporary.appending(path: "script-mistaken")
        let (code, said) = try await make("node-cert", "NAME=n8", "HOST=10.0.0.8", in: folder)
        #expect(code != 0)
        #expect(said.contains("did you mean HOSTS=?"), "\(said)")
        #expect(!FileManager.default.fileExists(atPath: folder.path))
    }

    @Test("Without an authority the hint is complete, and no folder is created")
    func unmade() async throws {
        let folder = TestCertificates.temporary.appending(path: "script-unmade")
        let (code, said) = try await make("node-cert", "NAME=n8", in: folder)
        #expect(code != 0)
        #expect(said.contains("make ca CERTS_DIR=\(folder.path) makes one there"), "\(said)")
        #expect(!FileManager.default.fileExists(atPath: folder.path))
    }

    @Test("COUNT sets the nodes; no certificate outlives its authority; the list is signed again")
    func lives() async throws {
        let folder = TestCertificates.temporary.appending(path: "script-lives")
        let (code, said) = try await make("certs", "COUNT=2", "CA_DAYS=40", in: folder)
        #expect(code == 0, "\(said)")
        for file in ["n1.pem", "n2.pem", "client-demo.pem", "admin-admin.pem"] {
            #expect(FileManager.default.fileExists(atPath: folder.appending(path: file).path))
        }
        #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "n3.pem").path))
        let (issued, note) = try await make("node-cert", "NAME=n9", "DAYS=100", in: folder)
        #expect(issued == 0, "\(note)")
        #expect(note.contains("the authority ends in 40 days"), "\(note)")
        func end(_ file: String) throws -> Int64 {
            let path = folder.appending(path: file).path
            return try #require(try CertificateFile.inspect(file: path).first).notAfter
        }
        #expect(try end("n9.pem") == end("ca.pem"))
        #expect(try end("n1.pem") == end("ca.pem"))
        let list = folder.appending(path: "crl.pem")
        let before = try Data(contentsOf: list)
        let (signed, what) = try await make("crl", in: folder)
        #expect(signed == 0, "\(what)")
        #expect(try Data(contentsOf: list) != before)
    }

    /// The serial number of each certificate in a file.
    private func serials(_ file: String, in folder: URL) throws -> [String] {
        try CertificateFile.inspect(file: folder.appending(path: file).path).map(\.serial)
    }

    /// The number of certificates or revocation lists in a file.
    private func count(_ file: String, in folder: URL) throws -> Int {
        let text = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
        return text.components(separatedBy: "-----BEGIN ").count - 1
    }

    @Test("Renewing keeps role, name and hosts; a revoked certificate is renewed by name only")
    func renewal() async throws {
        let folder = TestCertificates.temporary.appending(path: "script-renewal")
        let (code, said) = try await make("certs", "NODES=n1", in: folder)
        #expect(code == 0, "\(said)")
        let (changed, hosts) = try await make(
            "renew-certs",
            "NAME=n1",
            "HOSTS=n1.example,10.0.0.1",
            "MINUTES=10",
            in: folder
        )
        #expect(changed == 0, "\(hosts)")
        let first = try #require(
            try CertificateFile.inspect(file: folder.appending(path: "n1.pem").path).first
        )
        #expect(first.dnsNames == ["n1.example"])
        // One minute more, for clocks that are behind; less by a second at its turn.
        #expect((650...660).contains(first.notAfter - first.notBefore))

        let (idle, kept) = try await make("renew-certs", "RENEW=due", in: folder)
        #expect(idle == 0, "\(kept)")
        #expect(kept.contains("kept     3 certificate(s)"), "\(kept)")
        #expect(try serials("n1.pem", in: folder) == [first.serial])

        let (revoked, list) = try await make("revoke", "NAME=client-demo", in: folder)
        #expect(revoked == 0, "\(list)")
        let (renewed, all) = try await make("renew-certs", in: folder)
        #expect(renewed == 0, "\(all)")
        #expect(all.contains("client-demo.pem: revoked"), "\(all)")
        let second = try #require(
            try CertificateFile.inspect(file: folder.appending(path: "n1.pem").path).first
        )
        #expect(second.serial != first.serial)
        #expect(second.uris == first.uris)
        #expect(second.dnsNames == first.dnsNames)
        #expect(second.ipAddresses == first.ipAddresses)

        let (named, one) = try await make("renew-certs", "NAME=client-demo", in: folder)
        #expect(named == 0, "\(one)")
        let (verified, table) = try await make("certs-verify", in: folder)
        #expect(verified == 0, "\(table)")
    }

    @Test("A new authority overlaps with the former one until no certificate needs that")
    func newAuthority() async throws {
        let folder = TestCertificates.temporary.appending(path: "script-new-authority")
        let (code, said) = try await make("certs", "NODES=n1", in: folder)
        #expect(code == 0, "\(said)")
        let former = try serials("ca.pem", in: folder)
        let (begun, next) = try await make("new-ca", in: folder)
        #expect(begun == 0, "\(next)")
        #expect(try count("ca.pem", in: folder) == 2)
        #expect(try count("crl.pem", in: folder) == 2)

        let (again, message) = try await make("new-ca", in: folder)
        #expect(again != 0)
        #expect(message.contains("3 certificate(s) still need the former one"), "\(message)")
        let (early, names) = try await make("retire-ca", in: folder)
        #expect(early != 0)
        #expect(names.contains("former authority: admin-admin client-demo n1."), "\(names)")

        let (overlapping, table) = try await make("certs-verify", in: folder)
        #expect(overlapping == 0, "\(table)")
        let (revoked, list) = try await make("revoke", "NAME=admin-admin", in: folder)
        #expect(revoked == 0, "\(list)")
        let (renewed, all) = try await make("renew-certs", in: folder)
        #expect(renewed == 0, "\(all)")
        let (retired, end) = try await make("retire-ca", in: folder)
        #expect(retired == 0, "\(end)")
        #expect(end.contains("admin-admin.pem and its key are of no use"), "\(end)")
        #expect(try count("crl.pem", in: folder) == 1)
        let present = try serials("ca.pem", in: folder)
        #expect(present.count == 1)
        #expect(present != former)

        let (named, refused) = try await make("renew-certs", "NAME=admin-admin", in: folder)
        #expect(named != 0)
        #expect(refused.contains("was not issued by this authority"), "\(refused)")
        let (issued, one) = try await make("admin-cert", "NAME=admin", "FORCE=1", in: folder)
        #expect(issued == 0, "\(one)")
        let (verified, last) = try await make("certs-verify", in: folder)
        #expect(verified == 0, "\(last)")
    }

    @Test("What was added to ca.pem and crl.pem by hand stays; killed commands are completed")
    func completion() async throws {
        let folder = TestCertificates.temporary.appending(path: "script-completion")
        let partner = TestCertificates.temporary.appending(path: "script-partner")
        for each in [folder, partner] {
            let (code, said) = try await make("ca", in: each)
            #expect(code == 0, "\(said)")
        }
        for file in ["ca.pem", "crl.pem"] {
            let ours = folder.appending(path: file)
            let both =
                try Data(contentsOf: partner.appending(path: file)) + Data(contentsOf: ours)
            try both.write(to: ours)
        }
        let (begun, said) = try await make("new-ca", in: folder)
        #expect(begun == 0, "\(said)")
        #expect(try count("ca.pem", in: folder) == 3)

        // As if killed between the two steps that put the new authority in place.
        let files = FileManager.default
        let authority = folder.appending(path: "ca")
        let unfinished = folder.appending(path: ".ca.new")
        try files.moveItem(at: authority, to: unfinished)
        let (signed, list) = try await make("crl", in: folder)
        #expect(signed == 0, "\(list)")
        #expect(files.fileExists(atPath: authority.appending(path: "previous").path))
        #expect(!files.fileExists(atPath: unfinished.path))
        #expect(try count("crl.pem", in: folder) == 3)

        // As if killed after the authority was marked as retired.
        try Data().write(to: authority.appending(path: "previous/retired"))
        let (verified, table) = try await make("certs-verify", in: folder)
        #expect(verified == 0, "\(table)")
        #expect(!files.fileExists(atPath: authority.appending(path: "previous").path))
        #expect(try count("ca.pem", in: folder) == 2)
        #expect(try count("crl.pem", in: folder) == 2)
    }
}
