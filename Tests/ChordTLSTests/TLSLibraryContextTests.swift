// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import ChordIdentity
import ChordTestSupport
import Foundation
import Testing

@testable import ChordTLS

/// Handshakes run in a library context that shows less of OpenSSL's provider. What TLS 1.3 has a use for
/// must all be shown.
@Suite(.tags(.unit)) struct TLSLibraryContextTests {
    let fixtures: TestCertificates

    init() async throws {
        fixtures = try await TestCertificates.get()
    }

    @Test func reducedLibraryContextIsUsedWithOpenSSL30And31() {
        // Tests run with OpenSSL's own configuration, in which no other provider is active.
        #expect((TLSLibraryContext.shared.context != nil) == (OpenSSL_version_num() < 0x3020_0000))
    }

    static let keys: [[String]] = [
        ["rsa:2048"],
        ["rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"],
        ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
        ["ec", "-pkeyopt", "ec_paramgen_curve:P-521"],
        ["ed25519"],
        ["ed448"],
    ]

    /// Two members whose certificates have such keys, by an intermediate authority that has one too.
    private static func members(
        with key: [String],
        _ fixtures: TestCertificates
    ) throws -> (TLSContext, TLSContext) {
        let name = "keys-\(UUID().uuidString)"
        let root = try TestAuthority(name, in: fixtures.folder)
        let intermediate = try root.issue(
            TestAuthority.Request("intermediate", []).with {
                $0.key = ["-newkey"] + key
                $0.isAuthority = true
                $0.keyUsage = "critical,keyCertSign,cRLSign"
                $0.extendedKeyUsage = nil
            }
        )
        let authority = try TestAuthority(
            "\(name)-through",
            in: fixtures.folder,
            issuingAs: intermediate
        )
        func member(_ name: String) throws -> TLSContext {
            let leaf = try authority.issue(.member(name).with { $0.key = ["-newkey"] + key })
            let chain = leaf.certificate + ".chain"
            try TestCertificates.join([leaf.certificate, intermediate.certificate], into: chain)
            return try fixtures.context(
                TestAuthority.Issued(certificate: chain, key: leaf.key),
                trusting: root.root.certificate
            )
        }
        return try (member("n1"), member("n2"))
    }

    /// The leaf's key proves who shows it; the key of the intermediate authority, which arrives with it,
    /// proves the leaf.
    @Test(arguments: keys)
    func certificatesWithEveryKeyTypeAreVerified(_ key: [String]) async throws {
        let (n1, n2) = try await onOwnThread { [fixtures] in
            try Self.members(with: key, fixtures)
        }
        let server = try TLSConnection.server(n1)
        let client = try TLSConnection.client(n2, expecting: ExpectedPeer(name: "n1"))
        let outcome = handshake(server: server, client: client)
        #expect(outcome.serverError == nil)
        #expect(outcome.clientError == nil)
        #expect(server.peerIdentity?.name == "n2")
    }

    @Test(arguments: ["X25519", "X448", "P-256", "P-384", "P-521", "ffdhe2048"])
    func everyKeyExchangeGroupWorks(_ group: String) throws {
        func context(_ issued: TestAuthority.Issued) throws -> TLSContext {
            var configuration = fixtures.configuration(issued)
            configuration.keyExchangeGroups = [group]
            return try TLSContext(configuration: configuration)
        }
        let server = try TLSConnection.server(context(fixtures.n1))
        let client = try TLSConnection.client(
            context(fixtures.n2),
            expecting: ExpectedPeer(name: "n1")
        )
        let outcome = handshake(server: server, client: client)
        #expect(outcome.serverError == nil)
        #expect(outcome.clientError == nil)
        #expect(server.state == .open && client.state == .open)
    }
}
