// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import ChordTestSupport
import Testing

/// What a user sees when something is wrong: one line says what, one what to do, and the exit code
/// tells scripts.
@Suite(.tags(.network, .slow), .serialized, .timeLimit(.minutes(3)))
struct RefusalTests {
    /// A command line that fails, and how.
    struct Case: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var arguments: [String]
        var code: Int32
        var says: [String]

        init(_ description: String, _ arguments: [String], _ code: Int32, says: String...) {
            testDescription = description
            self.arguments = arguments
            self.code = code
            self.says = says
        }
    }

    private func expectRefusal(
        _ arguments: [String],
        _ code: Int32,
        says: [String],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let outcome = try await ChordProcess.run(arguments)
        #expect(outcome.code == code, "\(outcome.errors)", sourceLocation: sourceLocation)
        #expect(outcome.output == "", sourceLocation: sourceLocation)
        let said = outcome.errorLines.filter { $0.hasPrefix("chord: ") || $0.hasPrefix("hint: ") }
        #expect(said.count == 2, "\(outcome.errors)", sourceLocation: sourceLocation)
        #expect(said.first?.hasPrefix("chord: ") == true, sourceLocation: sourceLocation)
        #expect(said.last?.hasPrefix("hint: ") == true, sourceLocation: sourceLocation)
        for text in says {
            #expect(
                said.joined(separator: "\n").contains(text),
                "\(outcome.errors)",
                sourceLocation: sourceLocation
            )
        }
    }

    @Test("A node that does not fit is refused, naming both sides of the difference")
    func joining() async throws {
        let directory = try await TestCertificates.directory()
        try await ProcessRing.running(1) { ring in
            let address = try #require(ring.nodes["n1"]).address
            func join(_ name: String, _ more: String...) -> [String] {
                [
                    "serve", "--name", name, "--listen", "127.0.0.1:0", "--join", address,
                    "--certs-dir", directory, "--join-timeout", "1s",
                ] + more
            }
            try await expectRefusal(
                join("n2", "--ring", "other"),
                78,
                says: ["\"other\"", "\"test\"", "--ring"]
            )
            try await expectRefusal(
                join("n2", "--ring", "test", "--width", "32"),
                78,
                says: ["64", "32", "--width"]
            )
            try await expectRefusal(
                join("n2", "--ring", "test", "--hash", "sha1"),
                78,
                says: ["sha1", "sha256", "--hash"]
            )
            try await expectRefusal(
                join("n2", "--ring", "test", "--successors", "5"),
                78,
                says: ["successor list", "5", "4"]
            )
            try await expectRefusal(
                join("n2", "--ring", "test", "--id-from", "address"),
                78,
                says: ["identifier rule", "address", "name"]
            )
            try await expectRefusal(
                join("n1", "--ring", "test"),
                78,
                says: ["n1 is a live member at \(address)"]
            )
            try await expectRefusal(
                join("n2", "--ring", "test", "--certs-dir", try await TestCertificates.foreign()),
                77,
                says: ["unknown authority", "certificates of the same authority"]
            )
            try await expectRefusal(
                [
                    "ring", "--node", address, "--as", "client-demo", "--certs-dir",
                    try await TestCertificates.foreign(),
                ],
                77,
                says: ["unknown authority"]
            )
            try await expectRefusal(
                [
                    "serve", "--name", "n2", "--listen", address, "--certs-dir", directory,
                ],
                78,
                says: ["cannot listen on \(address)", "in use", "choose another port"]
            )
            // The node that was there is none the worse for it.
            let flags = try ring.flags()
            #expect(try await ChordProcess.run(["ring", "--wait", "1"] + flags).code == 0)
        }
    }

    @Test("Unreachable contacts are reported")
    func nobodyThere() async throws {
        try await expectRefusal(
            [
                "serve", "--name", "n2", "--listen", "127.0.0.1:0", "--join", "127.0.0.1:1",
                "--certs-dir", try await TestCertificates.directory(), "--join-timeout", "200ms",
            ],
            69,
            says: ["127.0.0.1:1", "refused", "is a node running there?"]
        )
    }

    @Test(
        "Files and settings that cannot work are named",
        arguments: [
            Case(
                "no such folder",
                ["serve", "--name", "n1", "--certs-dir", "/nowhere"],
                78,
                says: "/nowhere/n1.pem",
                "make certs"
            ),
            Case(
                "no such node",
                ["serve", "--name", "n99", "--certs-dir", "CERTS"],
                78,
                says: "n99.pem",
                "make certs"
            ),
            Case(
                "another node's certificate",
                [
                    "serve", "--name", "n1", "--cert", "CERTS/n2.pem", "--key", "CERTS/n2.key",
                    "--certs-dir", "CERTS",
                ],
                78,
                says: "names node n2",
                "n1"
            ),
            Case(
                "another key",
                ["serve", "--name", "n1", "--key", "CERTS/n2.key", "--certs-dir", "CERTS"],
                78,
                says: "CERTS/n2.key",
                "does not belong"
            ),
            Case(
                "a client's certificate",
                [
                    "serve", "--name", "demo", "--cert", "CERTS/client-demo.pem", "--key",
                    "CERTS/client-demo.key", "--certs-dir", "CERTS",
                ],
                78,
                says: "client demo",
                "role node"
            ),
            Case(
                "no port to listen at",
                ["serve", "--name", "n1", "--listen", "localhost", "--certs-dir", "CERTS"],
                78,
                says: "\"localhost\"",
                "the port is missing"
            ),
            Case(
                "no port to dial",
                ["ring", "--node", "here", "--certs-dir", "CERTS"],
                78,
                says: "\"here\"",
                "the port is missing"
            ),
            Case(
                "an address that nobody can dial",
                ["serve", "--name", "n1", "--listen", "0.0.0.0:0", "--certs-dir", "CERTS"],
                78,
                says: "0.0.0.0:0"
            ),
            Case(
                "a list too long",
                ["serve", "--name", "n1", "--successors", "33", "--certs-dir", "CERTS"],
                64,
                says: "33",
                "1 to 32"
            ),
            Case(
                "too many bits",
                [
                    "serve", "--name", "n1", "--hash", "sha1", "--width", "161", "--certs-dir",
                    "CERTS",
                ],
                64,
                says: "161",
                "160"
            ),
            Case(
                "a dialect that has no such identifiers",
                [
                    "serve", "--name", "n1", "--dialect", "concord", "--width", "128",
                    "--certs-dir", "CERTS",
                ],
                64,
                says: "concord",
                "64 bits",
                "128"
            ),
            Case(
                "no address to check",
                ["interop", "check", "here", "--certs-dir", "CERTS"],
                78,
                says: "\"here\"",
                "the port is missing"
            ),
            Case(
                "a cluster without certificates",
                ["cluster", "2", "--certs-dir", "/nowhere"],
                78,
                says: "/nowhere: n1 n2",
                "make certs COUNT=2"
            ),
            Case(
                "a key inspected as a certificate",
                ["cert", "inspect", "CERTS/n1.key"],
                78,
                says: "CERTS/n1.key"
            ),
        ]
    )
    func configuration(refused: Case) async throws {
        let directory = try await TestCertificates.directory()
        func real(_ text: String) -> String { text.replacing("CERTS", with: directory) }
        try await expectRefusal(
            refused.arguments.map(real),
            refused.code,
            says: refused.says.map(real)
        )
    }

    @Test(
        "Wrong usage ends with 64 and a usage line",
        arguments: [
            ["serve"], ["lookup"], ["lookup", "a", "--id", "1"], ["cluster", "0"], ["fly"],
            ["ring", "--wait", "0"], ["serve", "--name", "n1", "--hash", "md5"],
            ["serve", "--name", "n1", "--stabilize-interval", "soon"],
            ["serve", "--name", "n1", "--dialect", "latin"], ["interop", "check"],
            ["interop", "check", "127.0.0.1:1", "--join"], ["watch", "--count", "0"], ["leave"],
            ["leave", "--node", "127.0.0.1:1,127.0.0.1:2"], ["ring", "--peer-timeout", "1ms"],
            ["serve", "--name", "n1", "--peer-timeout", "2h"],
        ]
    )
    func usage(arguments: [String]) async throws {
        let outcome = try await ChordProcess.run(arguments)
        #expect(outcome.code == 64)
        #expect(outcome.errorLines.count == 2, "\(outcome.errors)")
        #expect(outcome.errorLines.first?.hasPrefix("chord: ") == true)
        #expect(outcome.errorLines.last?.contains("chord help") == true)
    }

    @Test("cert inspect shows the identity in a certificate and its errors")
    func inspecting() async throws {
        let directory = try await TestCertificates.directory()
        let node = try await ChordProcess.run(["cert", "inspect", "\(directory)/n1.pem"])
        #expect(node.code == 0, "\(node.output)\(node.errors)")
        for text in [
            "/chord/node/n1", "role       node", "name       n1", "127.0.0.1", "days left",
            "digitalSignature (critical); serverAuth, clientAuth", "good for   node n1",
        ] {
            #expect(node.output.contains(text), "\(node.output)")
        }
        let authority = try await ChordProcess.run(["cert", "inspect", "\(directory)/ca.pem"])
        #expect(authority.output.contains("good for   an authority"))
        let client = try await ChordProcess.run(["cert", "inspect", "\(directory)/client-demo.pem"])
        #expect(client.output.contains("good for   client demo"))

        // A member's certificate beside another authority's root is refused by all its peers.
        let mixed = TestCertificates.temporary.appending(path: "mixed")
        let files = FileManager.default
        try files.createDirectory(at: mixed, withIntermediateDirectories: true)
        for file in ["n2.pem", "n2.key"] {
            try files.copyItem(
                atPath: "\(directory)/\(file)",
                toPath: mixed.appending(path: file).path
            )
        }
        let foreign = try await TestCertificates.foreign()
        try files.copyItem(
            atPath: "\(foreign)/ca.pem",
            toPath: mixed.appending(path: "ca.pem").path
        )
        try files.setAttributes(
            [.posixPermissions: 0o644],
            ofItemAtPath: mixed.appending(path: "n2.key").path
        )
        let wrong = try await ChordProcess.run(
            ["cert", "inspect", mixed.appending(path: "n2.pem").path])
        #expect(wrong.code == 1)
        #expect(wrong.output.contains("every user of this machine can read the key"))
    }
}
