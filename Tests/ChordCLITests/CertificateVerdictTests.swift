// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Foundation
import Testing

/// `chord serve` refuses exactly what `chord cert inspect` calls wrong, for all files
/// beside the certificate.
@Suite(.tags(.network, .slow), .serialized, .timeLimit(.minutes(10)))
struct CertificateVerdictTests {
    /// A folder of n1.pem, n1.key, ca.pem and perhaps crl.pem: how it is made, and what is said of it.
    struct Case: CustomTestStringConvertible, Sendable {
        var testDescription: String
        /// The message of both; nil if both accept.
        var says: String?
        var more: [String] = []
        /// Whether both use the same words: only the node knows which host other nodes dial.
        var isVerbatim = true
        var make: @Sendable (TestCertificates, URL) throws -> Void

        init(
            _ description: String,
            says: String?,
            more: [String] = [],
            isVerbatim: Bool = true,
            _ make: @escaping @Sendable (TestCertificates, URL) throws -> Void
        ) {
            testDescription = description
            self.says = says
            self.more = more
            self.isVerbatim = isVerbatim
            self.make = make
        }
    }

    static let cases: [Case] = [
        Case("good", says: nil) { sets, folder in try sets.lay(sets.n1, in: folder) },
        Case("good, with a revocation list", says: nil) { sets, folder in
            try sets.lay(sets.n1, list: sets.list, in: folder)
        },
        Case("good, its key read by its group", says: nil) { sets, folder in
            try sets.lay(sets.n1, mode: 0o640, in: folder)
        },
        Case("good, trusting an intermediate authority alone", says: nil) { sets, folder in
            try sets.lay(sets.viaIntermediate, trusting: sets.intermediate.certificate, in: folder)
        },
        Case("a key that everybody reads", says: "every user of this machine can read the key") {
            try $0.lay($0.n1, mode: 0o644, in: $1)
        },
        Case("no key", says: "there is no file") { sets, folder in
            try sets.lay(sets.n1, in: folder)
            try FileManager.default.removeItem(at: folder.appending(path: "n1.key"))
        },
        Case("no authority", says: "there is no file") { sets, folder in
            try sets.lay(sets.n1, in: folder)
            try FileManager.default.removeItem(at: folder.appending(path: "ca.pem"))
        },
        Case("another's key", says: "does not belong to the first certificate") { sets, folder in
            try sets.lay(.init(certificate: sets.n1.certificate, key: sets.n2.key), in: folder)
        },
        Case("an empty key", says: "it is empty") { sets, folder in
            try sets.lay(sets.n1, in: folder)
            try Data().write(to: folder.appending(path: "n1.key"))
        },
        Case("expired", says: "this machine's clock says") { try $0.lay($0.expired, in: $1) },
        Case("not yet valid", says: "is not valid before") { try $0.lay($0.notYetValid, in: $1) },
        Case("for servers only", says: "missing: clientAuth") { try $0.lay($0.serverOnly, in: $1) },
        Case("for clients only", says: "missing: serverAuth") { try $0.lay($0.clientOnly, in: $1) },
        Case("no digitalSignature", says: "lacks digitalSignature") {
            try $0.lay($0.noDigitalSignature, in: $1)
        },
        Case("an authority's own", says: "certificate authority's") {
            try $0.lay($0.authorityAsLeaf, in: $1)
        },
        Case("two names", says: "carries 2 URIs") { try $0.lay($0.twoURIs, in: $1) },
        Case("another node's", says: "names node n2") { try $0.lay($0.n2, in: $1) },
        Case("no host", says: "no host", isVerbatim: false) { try $0.lay($0.noHost, in: $1) },
        Case("an address as a DNS name", says: "as a DNS name", isVerbatim: false) {
            try $0.lay($0.addressAsName, in: $1)
        },
        Case("a host's", says: "carries no SPIFFE name") { try $0.lay($0.hostOnly, in: $1) },
        Case("a host's, admitted", says: nil, more: ["--admit-host-certificates"]) {
            try $0.lay($0.hostOnly, in: $1)
        },
        Case("another authority's", says: "issued by an unknown authority") {
            try $0.lay($0.foreign, in: $1)
        },
        Case("an incomplete chain", says: "issued by an unknown authority") { sets, folder in
            try sets.lay(sets.withoutIntermediate, in: folder)
        },
        Case("revoked", says: "is revoked by its issuer") { sets, folder in
            try sets.lay(sets.revoked, list: sets.list, in: folder)
        },
        Case("through a revoked authority", says: "is revoked by its issuer") { sets, folder in
            try sets.lay(sets.viaIntermediate, list: sets.listWithIntermediate, in: folder)
        },
        Case("a list that has expired", says: "expired on") { sets, folder in
            try sets.lay(sets.n1, list: sets.expiredList, in: folder)
        },
        Case("a list by another key", says: "signed by another key") { sets, folder in
            try sets.lay(sets.n1, list: sets.forgedList, in: folder)
        },
        Case("a list for another authority only", says: nil) { sets, folder in
            try sets.lay(sets.n1, list: sets.foreignList, in: folder)
        },
        Case(
            "no list of the authority, required",
            says: "no revocation list",
            more: ["--require-crl"]
        ) { sets, folder in
            try sets.lay(sets.n1, list: sets.foreignList, in: folder)
        },
        Case("a weak key", says: "1024 bits") { try $0.lay($0.weakKey, in: $1) },
        Case("a curve that TLS 1.3 lacks", says: "secp256k1") { try $0.lay($0.oddCurve, in: $1) },
        Case("signed with SHA-1", says: "signed with SHA1") {
            try $0.lay($0.weakSignature, in: $1)
        },
        Case("the authority's key in ca.pem", says: "there is a private key in") { sets, folder in
            try sets.lay(sets.n1, trusting: sets.authorityWithKey, in: folder)
        },
    ]

    @Test(arguments: cases)
    func serveAndInspectAgree(_ given: Case) async throws {
        let sets = try await TestCertificates.get()
        let folder = sets.folder.appending(path: "case-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try given.make(sets, folder)
        let inspected = try await ChordProcess.run(
            ["cert", "inspect", folder.appending(path: "n1.pem").path] + given.more
        )
        let node = try ChordProcess(
            [
                "serve", "--name", "n1", "--listen", "127.0.0.1:0", "--certs-dir", folder.path,
            ] + given.more
        )
        defer { node.kill() }
        guard let says = given.says else {
            #expect(inspected.code == 0, "\(inspected.output)\(inspected.errors)")
            #expect(!inspected.output.contains("wrong "))
            try await node.line("readiness") { $0.hasPrefix("ready: ") ? true : nil }
            return
        }
        #expect(inspected.code == 1, "\(inspected.output)\(inspected.errors)")
        let wrong = inspected.output.split(separator: "\n").filter { $0.hasPrefix("wrong ") }
        #expect(wrong.contains { $0.contains(says) }, "\(inspected.output)")
        let refused = try await node.outcome()
        #expect(refused.code == 78, "\(refused.errors)")
        let lines = refused.errorLines.filter { $0.hasPrefix("chord: ") || $0.hasPrefix("hint: ") }
        #expect(lines.count == 2, "\(refused.errors)")
        #expect(lines.first?.contains(says) == true, "\(refused.errors)")
        guard given.isVerbatim else { return }
        // The clock goes on between the two.
        func timeless(_ line: Substring) -> String {
            String(line).replacing(#/clock says [-:TZ0-9]+/#, with: "clock says NOW")
        }
        let said = timeless(lines.first?.dropFirst("chord: ".count) ?? "")
        #expect(wrong.contains { timeless($0).contains(said) }, "\(wrong)\n\(said)")
    }

    @Test("The advertised host must be in the certificate, for serve and inspect")
    func advertisedHost() async throws {
        let sets = try await TestCertificates.get()
        let folder = sets.folder.appending(path: "advertised")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try sets.lay(sets.n1, in: folder)
        let inspected = try await ChordProcess.run([
            "cert", "inspect", folder.appending(path: "n1.pem").path, "--host", "10.0.0.8",
        ])
        #expect(inspected.code == 1)
        #expect(inspected.output.contains("does not hold for 10.0.0.8"), "\(inspected.output)")
        let refused = try await ChordProcess.run([
            "serve", "--name", "n1", "--listen", "127.0.0.1:0", "--advertise", "10.0.0.8:7946",
            "--certs-dir", folder.path,
        ])
        #expect(refused.code == 78)
        #expect(refused.errors.contains("does not hold for 10.0.0.8"), "\(refused.errors)")
        #expect(
            refused.errors.contains("make node-cert NAME=n1 HOSTS=10.0.0.8 FORCE=1"),
            "\(refused.errors)"
        )
    }

    @Test(
        "A client demands revocation lists by option, environment and file",
        arguments: ["option", "environment", "file", "nothing"]
    )
    func clientDemandsLists(source: String) async throws {
        let sets = try await TestCertificates.get()
        let folder = sets.folder.appending(path: "client-lists-\(source)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try sets.lay(sets.n1, list: sets.foreignList, in: folder)
        if source == "file" {
            try "CHORD_REQUIRE_CRL=yes\n".write(
                to: folder.appending(path: ".chord.env"),
                atomically: true,
                encoding: .utf8
            )
        }
        let outcome = try await ChordProcess.run(
            ["describe", "--node", "127.0.0.1:1", "--certs-dir", folder.path, "--as", "n1"]
                + (source == "option" ? ["--require-crl"] : []),
            environment: source == "environment" ? ["CHORD_REQUIRE_CRL": "true"] : [:],
            directory: folder
        )
        // Without it the certificates are good, and nobody listens there.
        #expect(outcome.code == (source == "nothing" ? 69 : 78), "\(outcome.errors)")
        #expect(outcome.errors.contains("no revocation list") == (source != "nothing"))
    }

    @Test("A flag of a client that is neither true nor false is an error")
    func unreadableFlag() async throws {
        let sets = try await TestCertificates.get()
        let folder = sets.folder.appending(path: "client-flag")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try sets.lay(sets.n1, in: folder)
        let outcome = try await ChordProcess.run(
            ["ring", "--node", "127.0.0.1:1", "--certs-dir", folder.path, "--as", "n1"],
            environment: ["CHORD_ADMIT_HOST_CERTIFICATES": "maybe"]
        )
        #expect(outcome.code == 78)
        #expect(
            outcome.errors.contains(
                "CHORD_ADMIT_HOST_CERTIFICATES (environment) must be true or false, not \"maybe\""
            ),
            "\(outcome.errors)"
        )
    }

    @Test("The hint for a client's certificate names it as a client's")
    func hintsForClients() async throws {
        let sets = try await TestCertificates.get()
        let folder = sets.folder.appending(path: "client")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try sets.lay(sets.expiredClient, as: "client-alice", in: folder)
        let outcome = try await ChordProcess.run(["ring", "--certs-dir", folder.path])
        #expect(outcome.code == 78)
        #expect(outcome.errors.contains("make client-cert NAME=alice FORCE=1"), "\(outcome.errors)")
    }
}
