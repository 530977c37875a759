// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import ChordIdentity
import ChordTestSupport
import NIOCore
import Testing

@testable import ChordTLS

/// A certificate is checked against its issuer's revocation list, at every depth.
@Suite(.tags(.unit)) struct RevocationTests {
    let fixtures: ChainFixtures

    init() async throws {
        fixtures = try await ChainFixtures.get()
    }

    /// The verdict of a node with a list about a peer.
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var peer: @Sendable (ChainFixtures) -> TestAuthority.Issued
        var list: @Sendable (ChainFixtures) -> String
        var requiresLists = false
        /// nil if the peer is accepted.
        var refusal: TLSError.Code?
        var alert: Int32 = 0
    }

    static let cases: [Case] = [
        Case(
            testDescription: "an intermediate authority on the root's list",
            peer: \.deep,
            list: \.rootListAgainstMiddle,
            refusal: .certificateRevoked,
            alert: SSL_AD_CERTIFICATE_REVOKED
        ),
        Case(
            testDescription: "an intermediate authority on the root's list, two above the leaf",
            peer: \.deepest,
            list: \.rootListAgainstMiddle,
            refusal: .certificateRevoked,
            alert: SSL_AD_CERTIFICATE_REVOKED
        ),
        Case(
            testDescription: "a leaf on the intermediate authority's list",
            peer: \.deepRevoked,
            list: \.rootAndMiddleLists,
            refusal: .certificateRevoked,
            alert: SSL_AD_CERTIFICATE_REVOKED
        ),
        Case(
            testDescription: "a leaf on a list beside no list of the root",
            peer: \.deepRevoked,
            list: \.middleList,
            refusal: .certificateRevoked,
            alert: SSL_AD_CERTIFICATE_REVOKED
        ),
        Case(testDescription: "on none of the lists", peer: \.deep, list: \.rootAndMiddleLists),
        Case(
            testDescription: "an intermediate authority without a list, tolerated",
            peer: \.deep,
            list: \.rootList
        ),
        Case(
            testDescription: "a lower authority without a list, tolerated",
            peer: \.deepest,
            list: \.rootAndMiddleLists
        ),
        Case(
            testDescription: "an intermediate authority without a list, refused",
            peer: \.deep,
            list: \.rootList,
            requiresLists: true,
            refusal: .revocationListMissing,
            alert: SSL_AD_INTERNAL_ERROR
        ),
        Case(
            testDescription: "a list of the intermediate authority that has expired",
            peer: \.deep,
            list: \.rootAndExpiredMiddleList,
            refusal: .revocationListExpired,
            alert: SSL_AD_INTERNAL_ERROR
        ),
        Case(
            testDescription: "a list in the intermediate authority's name by another key",
            peer: \.deep,
            list: \.forgedMiddleList,
            refusal: .revocationListRefused,
            alert: SSL_AD_INTERNAL_ERROR
        ),
    ]

    @Test(arguments: cases)
    func revocationIsCheckedAtEveryDepth(_ given: Case) throws {
        var configuration = fixtures.configuration(
            fixtures.own,
            revocationList: given.list(fixtures)
        )
        configuration.requiresRevocationLists = given.requiresLists
        let context = try TLSContext(configuration: configuration)
        let server = try TLSConnection.server(context)
        let rogue = RoguePeer(.init(certificate: given.peer(fixtures)))
        let error = handshake(server, with: rogue)
        #expect(error?.code == given.refusal, "\(String(describing: error))")
        if given.refusal != nil {
            #expect(rogue.alert == given.alert)
            #expect(error?.subject.serial != nil)
            #expect(error?.subject.peerName?.contains("spiffe://chord.test/chord/node/") == true)
        }
        let client = try TLSConnection.client(
            context,
            expecting: ExpectedPeer(host: "localhost")
        )
        let server2 = RoguePeer(.init(isServer: true, certificate: given.peer(fixtures)))
        _ = try client.advanceHandshake()
        server2.feed(Array(client.takeCiphertext().readableBytesView))
        let said = handshake(client, with: server2)
        #expect(said?.code == given.refusal, "\(String(describing: said))")
    }

    /// Lists that are refused when they are read.
    static let refused: [(String, @Sendable (ChainFixtures) -> String, TLSError.Code, String)] = [
        ("by another key", \.forgedRootList, .revocationListRefused, "signed by another key"),
        ("delta", \.deltaList, .revocationListRefused, "a delta list"),
        ("indirect", \.indirectList, .revocationListRefused, "an indirect list"),
    ]

    @Test(arguments: refused.indices)
    func unusableRevocationListIsRefusedOnReading(_ index: Int) throws {
        let (name, list, code, text) = Self.refused[index]
        let configuration = fixtures.configuration(fixtures.own, revocationList: list(fixtures))
        let (faults, _) = TLSContext.check(configuration)
        let error = try #require(faults.first, "\(name) was accepted")
        #expect(error.code == code)
        #expect(error.message.contains(text), "\(error)")
        #expect(error.subject.file == list(fixtures))
    }

    @Test func revokedTrustedAuthorityIsRefused() throws {
        let configuration = fixtures.configuration(
            fixtures.deep,
            trusting: fixtures.middle.certificate,
            revocationList: fixtures.rootListAgainstMiddle
        )
        let error = try #require(TLSContext.check(configuration).faults.first)
        #expect(error.code == .certificateRevoked)
        #expect(
            error.message.contains("revokes it: remove it from the trusted authorities"),
            "\(error)"
        )
    }

    @Test func certificatesWithoutRevocationListAreReported() throws {
        let warnings = TLSContext.check(
            fixtures.configuration(fixtures.own, revocationList: fixtures.middleList)
        ).warnings
        #expect(
            warnings.contains {
                $0.hasPrefix("there is no revocation list of the authority 'CN = top")
            },
            "\(warnings)"
        )
        #expect(warnings.contains { $0.contains("neither trusted nor in our own chain") })
        let expired = TLSContext.check(
            fixtures.configuration(
                fixtures.own,
                revocationList: fixtures.rootAndExpiredMiddleList
            )
        ).warnings
        #expect(
            expired.contains { $0.contains("expired on 2024-02-01T00:00:00Z") },
            "\(expired)"
        )
    }

    // MARK: Trust in an intermediate authority

    @Test("An intermediate authority is trusted without its root")
    func anIntermediateAuthorityCanBeTrustedByItself() throws {
        for (own, trusted) in [
            (fixtures.deep, fixtures.middle), (fixtures.deepest, fixtures.middle),
            (fixtures.deepest, fixtures.lower),
        ] {
            let context = try TLSContext(
                configuration: fixtures.configuration(own, trusting: trusted.certificate)
            )
            #expect(context.validities.filter { $0.kind == .authority }.count >= 1)
            let server = try TLSConnection.server(context)
            let client = try TLSConnection.client(
                context,
                expecting: ExpectedPeer(host: "localhost")
            )
            let outcome = handshake(server: server, client: client)
            #expect(outcome.serverError == nil)
            #expect(outcome.clientError == nil)
            #expect(server.state == .open)
        }
    }

    @Test func trustedIntermediateAuthorityDoesNotMakeItsRootTrusted() throws {
        let context = try TLSContext(
            configuration: fixtures.configuration(
                fixtures.deepest,
                trusting: fixtures.lower.certificate
            )
        )
        for peer in [fixtures.own, fixtures.deep] {
            let rogue = RoguePeer(.init(certificate: peer))
            let error = handshake(try .server(context), with: rogue)
            #expect(error?.code == .unknownAuthority)
        }
    }

    @Test func trustedIntermediateAuthorityNeedsNoRevocationListOfItsRoot() throws {
        var configuration = fixtures.configuration(
            fixtures.deep,
            trusting: fixtures.middle.certificate,
            revocationList: fixtures.middleList
        )
        configuration.requiresRevocationLists = true
        let context = try TLSContext(configuration: configuration)
        let rogue = RoguePeer(.init(certificate: fixtures.deepRevoked))
        #expect(handshake(try .server(context), with: rogue)?.code == .certificateRevoked)
        let good = RoguePeer(.init(certificate: fixtures.deep))
        #expect(handshake(try .server(context), with: good) == nil)
    }
}
