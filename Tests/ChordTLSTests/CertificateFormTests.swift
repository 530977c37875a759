// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordTestSupport
import Foundation
import Testing

@testable import ChordTLS

/// Typical wrong files: the error names the fault and the remedy.
@Suite(.tags(.unit)) struct CertificateFormTests {
    let fixtures: TestCertificates

    init() async throws {
        fixtures = try await TestCertificates.get()
    }

    /// The wrong file, its content, and the expected message.
    struct Form: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var file: any WritableKeyPath<TLSFiles, String> & Sendable = \.certificateChain
        var code = TLSError.Code.fileMalformed
        var says: [String]
        var contents: @Sendable (TestCertificates) throws -> Data
    }

    private static func text(_ path: String) throws -> String {
        try String(contentsOfFile: path, encoding: .utf8)
    }

    private static func data(_ text: String) -> Data { Data(text.utf8) }

    /// The output of `openssl` for a file.
    private static func openssl(_ arguments: [String]) throws -> Data {
        let folder = FileManager.default.temporaryDirectory
        let output = folder.appendingPathComponent("form-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: output) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments + ["-out", output.path]
        process.standardInput = FileHandle.nullDevice
        let said = try process.runToEnd()
        #expect(process.terminationStatus == 0, "\(said)")
        return try Data(contentsOf: output)
    }

    static let forms: [Form] = [
        Form(testDescription: "empty certificate", says: ["it is empty"]) { _ in Data() },
        Form(testDescription: "blank certificate", says: ["it is empty"]) { _ in data(" \r\n\n") },
        Form(testDescription: "empty key", file: \.privateKey, says: ["it is empty"]) { _ in Data()
        },
        Form(testDescription: "empty roots", file: \.trustRoots, says: ["it is empty"]) { _ in
            Data()
        },
        Form(
            testDescription: "roots joined without a line break",
            file: \.trustRoots,
            says: ["a line break is missing in line", "end each part with a line break"]
        ) { fixtures in
            let ours = try text(fixtures.authority.certificate).trimmingCharacters(in: .newlines)
            return data(ours + (try text(fixtures.foreignAuthority.certificate)))
        },
        Form(
            testDescription: "a chain joined without a line break",
            says: ["a line break is missing in line"]
        ) { fixtures in
            let leaf = try text(fixtures.n1.certificate).trimmingCharacters(in: .newlines)
            return data(leaf + (try text(fixtures.authority.certificate)))
        },
        Form(
            testDescription: "byte order mark",
            says: ["line 1 begins with a byte order mark"]
        ) { fixtures in data("\u{FEFF}" + (try text(fixtures.n1.certificate))) },
        Form(
            testDescription: "byte order mark within, which OpenSSL passes over",
            file: \.trustRoots,
            says: ["begins with a byte order mark"]
        ) { fixtures in
            data(
                try text(fixtures.authority.certificate) + "\u{FEFF}"
                    + text(fixtures.foreignAuthority.certificate)
            )
        },
        Form(
            testDescription: "indented, which OpenSSL passes over",
            file: \.trustRoots,
            says: ["has text before -----BEGIN"]
        ) { fixtures in
            data(
                try text(fixtures.authority.certificate) + "  "
                    + text(fixtures.foreignAuthority.certificate)
            )
        },
        Form(testDescription: "UTF-16", says: ["it is UTF-16 text"]) { fixtures in
            try text(fixtures.n1.certificate).data(using: .utf16LittleEndian)
                .map { Data([0xFF, 0xFE]) + $0 } ?? Data()
        },
        Form(
            testDescription: "DER certificate",
            says: ["it is DER", "openssl x509 -inform DER"]
        ) { fixtures in
            try openssl(["x509", "-in", fixtures.n1.certificate, "-outform", "DER"])
        },
        Form(
            testDescription: "DER key",
            file: \.privateKey,
            says: ["a private key in DER form", "openssl pkey -inform DER"]
        ) { fixtures in try openssl(["pkey", "-in", fixtures.n1.key, "-outform", "DER"]) },
        Form(
            testDescription: "PKCS #12",
            says: ["it is PKCS #12", "openssl pkcs12 -in"]
        ) { fixtures in
            try openssl([
                "pkcs12", "-export", "-in", fixtures.n1.certificate, "-inkey", fixtures.n1.key,
                "-passout", "pass:",
            ])
        },
        Form(
            testDescription: "PKCS #7",
            says: ["it is PKCS #7", "openssl pkcs7"]
        ) { fixtures in
            try openssl([
                "crl2pkcs7", "-nocrl", "-certfile", fixtures.n1.certificate, "-outform", "DER",
            ])
        },
        Form(
            testDescription: "a request",
            says: ["'CERTIFICATE REQUEST'", "an authority must sign first"]
        ) { fixtures in
            try openssl([
                "req", "-new", "-key", fixtures.n1.key, "-subj", "/CN=n1", "-config", "/dev/null",
            ])
        },
        Form(
            testDescription: "key and certificate taken for one another",
            file: \.privateKey,
            says: ["holds no private key", "'CERTIFICATE'", "certificate and key swapped"]
        ) { fixtures in data(try text(fixtures.n1.certificate)) },
        Form(
            testDescription: "the public half",
            file: \.privateKey,
            says: ["'PUBLIC KEY'", "the private key is needed"]
        ) { fixtures in try openssl(["pkey", "-in", fixtures.n1.key, "-pubout"]) },
        Form(
            testDescription: "encrypted key",
            file: \.privateKey,
            code: .keyEncrypted,
            says: ["is encrypted", "write it out unencrypted"]
        ) { fixtures in try Data(contentsOf: URL(fileURLWithPath: fixtures.encryptedKey)) },
        Form(
            testDescription: "the key of another certificate",
            file: \.privateKey,
            code: .keyMismatch,
            says: ["does not belong to the first certificate"]
        ) { fixtures in data(try text(fixtures.n2.key)) },
        Form(
            testDescription: "the authority's key beside its certificate",
            file: \.trustRoots,
            code: .keyExposed,
            says: ["there is a private key in", "every node and client gets a copy of"]
        ) { fixtures in
            data(try text(fixtures.authority.certificate) + text(fixtures.authority.key))
        },
        Form(
            testDescription: "the leaf last in its chain",
            code: .keyMismatch,
            says: ["it belongs to certificate 2: put that one first"]
        ) { fixtures in
            data(try text(fixtures.authority.certificate) + text(fixtures.n1.certificate))
        },
    ]

    /// Writes a file with mode 0600.
    private func write(_ data: Data) throws -> String {
        let path = fixtures.folder.appendingPathComponent("form-\(UUID().uuidString)").path
        try data.write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        return path
    }

    @Test(arguments: forms)
    func invalidCertificateFileIsRefusedWithReasonAndHint(_ form: Form) throws {
        var configuration = fixtures.configuration(fixtures.n1)
        let path = try write(form.contents(fixtures))
        configuration.files[keyPath: form.file] = path
        let (faults, _) = TLSContext.check(configuration)
        let error = try #require(faults.first, "it was accepted")
        #expect(error.code == form.code, "\(faults)")
        for text in form.says { #expect(error.message.contains(text), "\(error)") }
        #expect(error.message.contains(path), "\(error)")
        #expect(error.subject.file != nil)
        #expect(throws: TLSError.self) { try TLSContext(configuration: configuration) }
    }

    @Test("Harmless variations of PEM files are accepted")
    func harmlessFormsAreAccepted() throws {
        var configuration = fixtures.configuration(fixtures.n1)
        for file in [\TLSFiles.certificateChain, \.privateKey, \.trustRoots] {
            let text = try Self.text(configuration.files[keyPath: file])
            let crlf = text.replacingOccurrences(of: "\n", with: "\r\n")
            configuration.files[keyPath: file] = try write(
                Data(("Bag Attributes\r\n  friendlyName: n1\r\n" + crlf).utf8)
            )
        }
        #expect(try TLSContext(configuration: configuration).identity.name == "n1")
    }

    @Test("Key files with unsafe permissions are refused")
    func permissions() throws {
        var configuration = fixtures.configuration(fixtures.n1)
        let key = try write(Data(contentsOf: URL(fileURLWithPath: fixtures.n1.key)))
        configuration.files.privateKey = key
        for (mode, isRefused, isSaid) in [
            (0o644, true, false), (0o602, true, false), (0o640, false, true), (0o600, false, false),
            (0o400, false, false),
        ] {
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: key)
            let (faults, warnings) = TLSContext.check(configuration)
            #expect(faults.map(\.code) == (isRefused ? [.keyExposed] : []), "\(mode) \(faults)")
            #expect(
                warnings.contains { $0.contains("others of its group") } == isSaid,
                "\(warnings)"
            )
            if isRefused { #expect(faults[0].message.contains("chmod 600 \(key)")) }
        }
    }

    @Test("Certificate and key may share a file that only its owner can read")
    func oneFileForBoth() throws {
        var configuration = fixtures.configuration(fixtures.n1)
        let texts = try [fixtures.n1.certificate, fixtures.n1.key].map { try Self.text($0) }
        let file = try write(Data(texts.joined().utf8))
        configuration.files.certificateChain = file
        configuration.files.privateKey = file
        #expect(TLSContext.check(configuration).faults.isEmpty)
        configuration.files.privateKey = fixtures.n1.key
        let (faults, warnings) = TLSContext.check(configuration)
        #expect(faults.isEmpty)
        #expect(warnings.contains { $0.contains("there is a private key in") })
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file)
        #expect(TLSContext.check(configuration).faults.map(\.code) == [.keyExposed])
    }
}
