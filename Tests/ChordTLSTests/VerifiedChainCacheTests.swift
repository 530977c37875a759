// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordTestSupport
import Foundation
import NIOCore
import Testing

@testable import ChordTLS

@Suite(.tags(.unit)) struct VerifiedChainCacheTests {
    let fixtures: TestCertificates
    let n1: PeerIdentity

    init() async throws {
        fixtures = try await TestCertificates.get()
        n1 = try fixtures.context(fixtures.n1).identity
    }

    private func chain(_ number: UInt8) -> VerifiedChainCache.Chain {
        VerifiedChainCache.Chain(bytes: [number])
    }

    /// A handshake between nodes; the errors of server and client.
    private func meet(
        _ server: TLSContext,
        _ client: TLSContext,
        expecting name: String = "n2"
    ) throws -> HandshakeOutcome {
        try handshake(
            server: .server(server),
            client: .client(client, expecting: ExpectedPeer(name: name))
        )
    }

    // MARK: In handshakes

    @Test func cachedPeerHasTheSameIdentity() throws {
        let server = try fixtures.context(fixtures.n2)
        let client = try fixtures.context(fixtures.n1)
        for _ in 0..<3 {
            let accepted = try TLSConnection.server(server)
            let dialled = try TLSConnection.client(client, expecting: ExpectedPeer(name: "n2"))
            let outcome = handshake(server: accepted, client: dialled)
            #expect(outcome.serverError == nil)
            #expect(outcome.clientError == nil)
            #expect(accepted.peerIdentity == n1)
            #expect(dialled.peerIdentity?.name == "n2")
            #expect(server.verifiedChains.count == 1)
            #expect(client.verifiedChains.count == 1)
        }
    }

    @Test func expectedPeerIsCheckedOnEveryHandshake() throws {
        let server = try fixtures.context(fixtures.n2)
        let client = try fixtures.context(fixtures.n1)
        #expect(try meet(server, client).clientError == nil)
        let outcome = try meet(server, client, expecting: "n3")
        #expect(outcome.clientError?.code == .identityRefused)
        #expect(try meet(server, client).clientError == nil)
    }

    @Test func cacheSeparatesClientsFromServers() throws {
        let one = try fixtures.context(fixtures.n1)
        let other = try fixtures.context(fixtures.n2)
        #expect(try meet(other, one).serverError == nil)
        #expect(try meet(one, other, expecting: "n1").serverError == nil)
        #expect(one.verifiedChains.count == 2)
    }

    @Test func refusedChainIsNotCached() throws {
        let server = try fixtures.context(fixtures.n2, revocationList: fixtures.list)
        let refused = [fixtures.revoked, fixtures.noDigitalSignature, fixtures.foreignTrustDomain]
        for issued in refused + refused {
            let connection = try TLSConnection.server(server)
            #expect(handshake(connection, with: RoguePeer(.init(certificate: issued))) != nil)
        }
        #expect(server.verifiedChains.count == 0)
    }

    /// The key of n2 with the public half of n1: OpenSSL takes it for the key of n1's certificate, and
    /// signs with what n1's certificate does not prove.
    private func forgedKey() throws -> String {
        func contents(_ file: String) throws -> [UInt8] {
            let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
            let text = lines.filter { !$0.hasPrefix("-----") }.joined()
            return try Array(#require(Data(base64Encoded: text)))
        }
        let publicBytes = 65
        let forged =
            try contents(fixtures.n2.key).dropLast(publicBytes)
            + contents(fixtures.n1.key).suffix(publicBytes)
        let path = fixtures.folder.appendingPathComponent("forged-\(UUID().uuidString).key").path
        let body = Data(forged).base64EncodedString(options: .lineLength64Characters)
        let kind = "PRIVATE KEY"
        try "-----BEGIN \(kind)-----\n\(body)\n-----END \(kind)-----\n".write(
            toFile: path,
            atomically: true,
            encoding: .utf8
        )
        return path
    }

    @Test func cachedCertificateStillNeedsItsKey() throws {
        let forged = TestAuthority.Issued(
            certificate: fixtures.n1.certificate,
            key: try forgedKey()
        )
        let server = try fixtures.context(fixtures.n2)
        #expect(try meet(server, fixtures.context(fixtures.n1)).serverError == nil)
        let accepted = try TLSConnection.server(server)
        let refusal = handshake(accepted, with: RoguePeer(.init(certificate: forged)))
        #expect(
            refusal?.message.contains("bad signature") == true,
            "\(String(describing: refusal))"
        )
        #expect(accepted.peerIdentity == nil)

        let client = try fixtures.context(fixtures.n2)
        #expect(try meet(fixtures.context(fixtures.n1), client, expecting: "n1").clientError == nil)
        let dialled = try TLSConnection.client(client, expecting: ExpectedPeer(name: "n1"))
        let rogue = RoguePeer(.init(isServer: true, certificate: forged))
        _ = try dialled.advanceHandshake()
        rogue.feed(Array(dialled.takeCiphertext().readableBytesView))
        let disbelief = handshake(dialled, with: rogue)
        #expect(
            disbelief?.message.contains("bad signature") == true,
            "\(String(describing: disbelief))"
        )
        #expect(dialled.peerIdentity == nil)
    }

    @Test func newContextHasAnEmptyCache() throws {
        let before = try fixtures.context(fixtures.n2)
        let gone = try fixtures.context(fixtures.revoked)
        #expect(try meet(before, gone).serverError == nil)
        #expect(try meet(before, gone).serverError == nil)
        let after = try fixtures.context(fixtures.n2, revocationList: fixtures.list)
        #expect(try meet(after, gone).serverError?.code == .certificateRevoked)
    }

    @Test func chainIsNotCachedWhenItsRevocationListIsInvalid() throws {
        // The list of another authority has expired; ours, which decides here, has not.
        let server = try fixtures.context(fixtures.n2, revocationList: fixtures.mixedLists)
        #expect(try meet(server, fixtures.context(fixtures.n1)).serverError == nil)
        #expect(server.verifiedChains.count == 0)
    }

    // MARK: By itself

    @Test func cachedVerdictExpiresWithItsCertificatesAndLists() {
        let peers = VerifiedChainCache(listValidity: [50...200, 0...150])
        peers.insert(n1, for: chain(1), during: 100...300)
        for (time, holds) in [(99, false), (100, true), (150, true), (151, false)]
            as [(Int64, Bool)]
        {
            #expect((peers.identity(for: chain(1), at: time) == n1) == holds)
        }
        #expect(peers.identity(for: chain(2), at: 120) == nil)
        peers.insert(n1, for: chain(3), during: 160...300)
        #expect(peers.identity(for: chain(3), at: 160) == nil)
    }

    @Test func chainIsNotCachedWhenAListHasNoExpiry() {
        let peers = VerifiedChainCache(listValidity: nil)
        peers.insert(n1, for: chain(1), during: 0...100)
        #expect(peers.identity(for: chain(1), at: 50) == nil)
    }

    @Test func frequentPeerStaysInTheCache() {
        let peers = VerifiedChainCache(listValidity: [], capacity: 4)
        peers.insert(n1, for: chain(0), during: 0...100)
        for number in UInt8(1)...100 {
            peers.insert(n1, for: chain(number), during: 0...100)
            #expect(peers.identity(for: chain(0), at: 50) == n1)
            #expect(peers.count <= 8)
        }
        #expect(peers.identity(for: chain(1), at: 50) == nil)
    }
}
