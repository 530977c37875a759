// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordTestSupport
import Testing

@Suite(.tags(.unit)) struct SPIFFENameTests {
    @Test(arguments: [
        ("spiffe://chord.test/chord/node/n1", "chord.test", Role.node, "n1"),
        ("SPIFFE://chord.test/chord/client/alice", "chord.test", .client, "alice"),
        ("sPiFfE://a-b_c.0/chord/admin/A.b-c_9", "a-b_c.0", .admin, "A.b-c_9"),
        ("spiffe://x/chord/node/...", "x", .node, "..."),
    ])
    func validNameIsParsed(
        _ uri: String,
        _ trustDomain: String,
        _ role: Role,
        _ name: String
    ) throws {
        let parsed = try SPIFFEName(uri: uri)
        #expect(parsed.trustDomain == trustDomain)
        #expect(parsed.role == role)
        #expect(parsed.name == name)
        #expect(try SPIFFEName(uri: parsed.uri) == parsed)
    }

    @Test(arguments: [
        ("", "scheme"),
        ("spiffe", "scheme"),
        ("http://chord.test/chord/node/n1", "scheme"),
        ("spiffe:chord.test/chord/node/n1", "no trust domain"),
        ("spiffe:/chord.test/chord/node/n1", "no trust domain"),
        ("spiffe:///chord/node/n1", "the trust domain is empty"),
        ("spiffe://", "the trust domain is empty"),
        ("spiffe://chord.test", "path is not"),
        ("spiffe://chord.test/", "empty"),
        ("spiffe://chord.test/chord", "path is not"),
        ("spiffe://chord.test/chord/node", "path is not"),
        ("spiffe://chord.test/chord/node/", "empty"),
        ("spiffe://chord.test/chord/node/n1/", "empty"),
        ("spiffe://chord.test/chord/node/n1/more", "path is not"),
        ("spiffe://chord.test//chord/node/n1", "empty"),
        ("spiffe://chord.test/Chord/node/n1", "path is not"),
        ("spiffe://chord.test/ring/node/n1", "path is not"),
        ("spiffe://chord.test/chord/Node/n1", "'Node' is no role"),
        ("spiffe://chord.test/chord/root/n1", "'root' is no role"),
        ("spiffe://chord.test/chord/node/..", "'..' segment"),
        ("spiffe://chord.test/chord/./n1", "'.' segment"),
        ("spiffe://chord.test/chord/node/n1?x", "query"),
        ("spiffe://chord.test/chord/node/n1#x", "fragment"),
        ("spiffe://me@chord.test/chord/node/n1", "user information"),
        ("spiffe://chord.test:443/chord/node/n1", "port"),
        ("spiffe://Chord.test/chord/node/n1", "trust domain"),
        ("spiffe://chord%2etest/chord/node/n1", "trust domain"),
        ("spiffe://chörd.test/chord/node/n1", "trust domain"),
        ("spiffe://chord.test/chord/node/n%31", "path segment"),
        ("spiffe://chord.test/chord/node/n 1", "path segment"),
        ("spiffe://chord.test/chord/node/n1\0", "path segment"),
        ("spiffe://chord.test/chord/node/n1\u{301}", "path segment"),
        (" spiffe://chord.test/chord/node/n1", "scheme"),
        ("spiffe://\(String(repeating: "a", count: 256))/chord/node/n1", "longer than 255"),
        (
            "spiffe://chord.test/chord/node/\(String(repeating: "n", count: 256))",
            "longer than 255"
        ),
        (
            "spiffe://chord.test/chord/node/\(String(repeating: "n", count: 2_048))",
            "longer than 2048"
        ),
    ])
    func invalidNameIsRefusedWithAReason(_ uri: String, _ reason: String) {
        do throws(IdentityError) {
            let name = try SPIFFEName(uri: uri)
            Issue.record("accepted as \(name)")
        } catch {
            #expect(error.code == .malformedSPIFFE)
            #expect(error.message.contains(reason), "\(error)")
            // A message is one line of printable characters.
            #expect(
                error.message.unicodeScalars.allSatisfy {
                    (0x20...0x7E).contains($0.value) || $0 == "…"
                }
            )
        }
    }

    @Test func nameIsFormattedAsURI() throws {
        let name = try SPIFFEName(trustDomain: "chord.test", role: .admin, name: "eve")
        #expect(name.uri == "spiffe://chord.test/chord/admin/eve")
        #expect(throws: IdentityError.self) {
            try SPIFFEName(trustDomain: "chord.test", role: .node, name: "a/b")
        }
        #expect(throws: IdentityError.self) {
            try SPIFFEName(trustDomain: "", role: .node, name: "a")
        }
    }
}
