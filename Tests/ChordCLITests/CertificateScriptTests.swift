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
}
