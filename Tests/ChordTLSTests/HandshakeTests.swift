// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import ChordIdentity
import ChordTestSupport
import NIOCore
import Testing

@testable import ChordTLS

@Suite(.tags(.unit)) struct HandshakeTests {
    let fixtures: TestCertificates

    init() async throws {
        fixtures = try await TestCertificates.get()
    }

    @Test func bothNodesLearnThePeersIdentity() throws {
        let server = try TLSConnection.server(fixtures.context(fixtures.n2))
        let client = try TLSConnection.client(
            fixtures.context(fixtures.n1),
            expecting: ExpectedPeer(name: "n2")
        )
        #expect(client.peerIdentity == nil)
        let outcome = handshake(server: server, client: client)
        #expect(outcome.serverError == nil)
        #expect(outcome.clientError == nil)
        #expect(server.state == .open)
        #expect(client.state == .open)
        #expect(client.peerIdentity?.description == "node n2 of chord.test")
        #expect(server.peerIdentity?.description == "node n1 of chord.test")
        #expect(client.peerIdentity?.hosts == ["localhost", "127.0.0.1", "::1"])
    }

    @Test func serverLearnsThatThePeerIsAClient() throws {
        let server = try TLSConnection.server(fixtures.context(fixtures.n1))
        let client = try TLSConnection.client(
            fixtures.context(fixtures.alice),
            expecting: ExpectedPeer(host: "localhost"),
            serverName: "localhost"
        )
        let outcome = handshake(server: server, client: client)
        #expect(outcome.serverError == nil)
        #expect(outcome.clientError == nil)
        #expect(server.peerIdentity?.role == .client)
        #expect(server.peerIdentity?.name == "alice")
    }

    @Test func chainThroughAnIntermediateAuthorityIsAccepted() throws {
        let server = try TLSConnection.server(fixtures.context(fixtures.viaIntermediate))
        let client = try TLSConnection.client(
            fixtures.context(fixtures.n1),
            expecting: ExpectedPeer(name: "n1")
        )
        let outcome = handshake(server: server, client: client)
        #expect(outcome.clientError == nil)
        #expect(outcome.serverError == nil)
    }

    @Test func hostCertificateIsAcceptedUnderTheHostPolicy() throws {
        let policy = IdentityPolicy(trustDomains: ["chord.test"], admitsHostCertificates: true)
        let server = try TLSConnection.server(
            fixtures.context(fixtures.wildcardHost, policy: policy)
        )
        let client = try TLSConnection.client(
            fixtures.context(fixtures.n1, policy: policy),
            expecting: ExpectedPeer(name: "anything", host: "a.chord.test"),
            serverName: "a.chord.test"
        )
        let outcome = handshake(server: server, client: client)
        #expect(outcome.clientError == nil)
        #expect(client.peerIdentity?.proof == .host)
        #expect(client.peerIdentity?.name == nil)
    }

    // MARK: The dialler refuses

    @Test func nodeWithAnotherNameIsRefused() throws {
        let server = try TLSConnection.server(fixtures.context(fixtures.n3))
        let client = try TLSConnection.client(
            fixtures.context(fixtures.n1),
            expecting: ExpectedPeer(name: "n2")
        )
        let outcome = handshake(server: server, client: client)
        let error = try #require(outcome.clientError)
        #expect(error.code == .identityRefused)
        #expect(
            error.message == "certificate presented by 127.0.0.1:7946 names node n3, expected n2"
        )
        #expect((error.cause as? IdentityError)?.code == .wrongName)
        #expect(outcome.serverError?.code == .peerRefused)
        #expect(
            outcome.serverError?.message.hasPrefix(
                "the peer refused our certificate: alert bad certificate (42)"
            ) == true
        )
        #expect(client.peerIdentity == nil)
    }

    @Test func certificateOfAnotherHostIsRefused() throws {
        let server = try TLSConnection.server(fixtures.context(fixtures.n2))
        let client = try TLSConnection.client(
            fixtures.context(fixtures.n1),
            expecting: ExpectedPeer(host: "10.0.0.1")
        )
        let outcome = handshake(server: server, client: client)
        #expect(
            outcome.clientError?.message
                == "certificate presented by 127.0.0.1:7946 holds for localhost, 127.0.0.1, ::1,"
                + " expected 10.0.0.1"
        )
    }

    @Test func clientCertificateIsRefusedWhereANodeIsExpected() throws {
        let server = try TLSConnection.server(fixtures.context(fixtures.alice))
        let client = try TLSConnection.client(
            fixtures.context(fixtures.n1),
            expecting: ExpectedPeer(name: "alice")
        )
        let outcome = handshake(server: server, client: client)
        #expect(
            outcome.clientError?.message
                == "certificate presented by 127.0.0.1:7946 has role client, expected node"
        )
    }

    // MARK: Certificates that are refused on either side

    struct Refusal: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var certificate: @Sendable (TestCertificates) -> TestAuthority.Issued
        var revocationList: @Sendable (TestCertificates) -> String? = { _ in nil }
        var code: TLSError.Code
        var text: String
        var alert: Int32
    }

    static let refusals: [Refusal] = [
        Refusal(
            testDescription: "expired",
            certificate: \.expired,
            code: .certificateExpired,
            text: "expired on 2023-11-15T22:13:20Z",
            alert: SSL_AD_CERTIFICATE_EXPIRED
        ),
        Refusal(
            testDescription: "not yet valid",
            certificate: \.notYetValid,
            code: .certificateNotYetValid,
            text: "is not valid before 2096-10-02T07:06:40Z",
            alert: SSL_AD_CERTIFICATE_EXPIRED
        ),
        Refusal(
            testDescription: "issued by a node",
            certificate: \.viaNode,
            code: .certificateRefused,
            text: ": its authority 'CN = n1' does not verify: invalid CA certificate",
            alert: SSL_AD_UNKNOWN_CA
        ),
        Refusal(
            testDescription: "foreign authority",
            certificate: \.foreign,
            code: .unknownAuthority,
            text: "is issued by an unknown authority: issuer 'CN = foreign authority'",
            alert: SSL_AD_UNKNOWN_CA
        ),
        Refusal(
            testDescription: "self-signed",
            certificate: \.selfSigned,
            code: .unknownAuthority,
            text: "is self-signed",
            alert: SSL_AD_UNKNOWN_CA
        ),
        Refusal(
            testDescription: "two URIs",
            certificate: \.twoURIs,
            code: .identityRefused,
            text: "carries 2 URIs",
            alert: SSL_AD_BAD_CERTIFICATE
        ),
        Refusal(
            testDescription: "authority as leaf",
            certificate: \.authorityAsLeaf,
            code: .identityRefused,
            text: "certificate authority's",
            alert: SSL_AD_UNSUPPORTED_CERTIFICATE
        ),
        Refusal(
            testDescription: "no clientAuth",
            certificate: \.serverOnly,
            code: .identityRefused,
            text: "missing: clientAuth",
            alert: SSL_AD_UNSUPPORTED_CERTIFICATE
        ),
        Refusal(
            testDescription: "foreign trust domain",
            certificate: \.foreignTrustDomain,
            code: .identityRefused,
            text: "names trust domain 'elsewhere.test', ours is 'chord.test'",
            alert: SSL_AD_BAD_CERTIFICATE
        ),
        Refusal(
            testDescription: "host only",
            certificate: \.wildcardHost,
            code: .identityRefused,
            text: "carries no SPIFFE name",
            alert: SSL_AD_BAD_CERTIFICATE
        ),
        Refusal(
            testDescription: "revoked",
            certificate: \.revoked,
            revocationList: \.list,
            code: .certificateRevoked,
            text: "is revoked by its issuer 'CN = ours authority'",
            alert: SSL_AD_CERTIFICATE_REVOKED
        ),
    ]

    @Test(arguments: refusals)
    func serverRefusesInvalidClientCertificate(_ refusal: Refusal) throws {
        let context = try fixtures.context(
            fixtures.n1,
            revocationList: refusal.revocationList(fixtures)
        )
        let server = try TLSConnection.server(context)
        let rogue = RoguePeer(.init(certificate: refusal.certificate(fixtures)))
        let error = try #require(handshake(server, with: rogue))
        #expect(error.code == refusal.code)
        #expect(error.message.hasPrefix("certificate presented by 127.0.0.1:50000"))
        #expect(error.message.contains(refusal.text), "\(error)")
        #expect(rogue.alert == refusal.alert)
        #expect(server.state == .closed)
        #expect(server.peerIdentity == nil)
    }

    @Test(arguments: refusals)
    func clientRefusesInvalidServerCertificate(_ refusal: Refusal) throws {
        let context = try fixtures.context(
            fixtures.n1,
            revocationList: refusal.revocationList(fixtures)
        )
        let client = try TLSConnection.client(context, expecting: ExpectedPeer(name: "n1"))
        let rogue = RoguePeer(.init(isServer: true, certificate: refusal.certificate(fixtures)))
        _ = try client.advanceHandshake()
        rogue.feed(Array(client.takeCiphertext().readableBytesView))
        let error = try #require(handshake(client, with: rogue))
        #expect(error.code == refusal.code)
        #expect(error.message.hasPrefix("certificate presented by 127.0.0.1:7946"))
        #expect(error.message.contains(refusal.text), "\(error)")
        #expect(rogue.alert == refusal.alert)
    }

    @Test func expiredRevocationListRefusesItsIssuersCertificates() throws {
        // Two authorities are trusted; the list of the peer's has expired, that of ours has not.
        let context = try fixtures.context(
            fixtures.n1,
            trusting: fixtures.bothAuthorities,
            revocationList: fixtures.mixedLists
        )
        let server = try TLSConnection.server(context)
        let rogue = RoguePeer(.init(certificate: fixtures.foreign))
        let error = try #require(handshake(server, with: rogue))
        #expect(error.code == .revocationListExpired)
        #expect(
            error.message.contains(
                "the revocation list of its issuer 'CN = foreign authority' expired on"
                    + " 2024-02-01T00:00:00Z"
            ),
            "\(error)"
        )
        #expect(rogue.alert == SSL_AD_INTERNAL_ERROR)
        let member = RoguePeer(.init(certificate: fixtures.n2))
        #expect(handshake(try .server(context), with: member) == nil)
    }

    @Test func severalAuthoritiesCanBeTrusted() throws {
        let server = try TLSConnection.server(
            fixtures.context(fixtures.n2, trusting: fixtures.bothAuthorities)
        )
        let client = try TLSConnection.client(
            fixtures.context(fixtures.foreign, trusting: fixtures.bothAuthorities),
            expecting: ExpectedPeer(name: "n2")
        )
        let outcome = handshake(server: server, client: client)
        #expect(outcome.serverError == nil)
        #expect(outcome.clientError == nil)
    }

    @Test func refusedClientReadsTheReasonFirst() throws {
        let server = try TLSConnection.server(
            fixtures.context(fixtures.n1, revocationList: fixtures.list)
        )
        let client = try TLSConnection.client(
            fixtures.context(fixtures.revoked),
            expecting: ExpectedPeer(name: "n1")
        )
        let outcome = handshake(server: server, client: client)
        #expect(outcome.serverError?.code == .certificateRevoked)
        let error = try #require(outcome.clientError)
        #expect(error.code == .peerRefused)
        #expect(
            error.message
                == "the peer refused our certificate: alert certificate revoked (44): it is revoked"
        )
    }
}
