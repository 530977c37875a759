// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import ChordIdentity
import ChordTestSupport
import NIOCore
import Testing

@testable import ChordTLS

/// TLS version, ALPN, server name and tickets of a handshake.
@Suite(.tags(.unit)) struct HandshakeProtocolTests {
    let fixtures: TestCertificates

    init() async throws {
        fixtures = try await TestCertificates.get()
    }

    @Test func clientWithoutCertificateIsRefused() throws {
        let server = try TLSConnection.server(fixtures.context(fixtures.n1))
        let rogue = RoguePeer(.init())
        let error = try #require(handshake(server, with: rogue))
        #expect(error.code == .certificateMissing)
        #expect(rogue.alert == SSL_AD_CERTIFICATE_REQUIRED)
    }

    @Test func tls12ClientIsRefused() throws {
        let server = try TLSConnection.server(fixtures.context(fixtures.n1))
        let rogue = RoguePeer(.init(certificate: fixtures.n2, version: TLS1_2_VERSION))
        let error = try #require(handshake(server, with: rogue))
        #expect(error.code == .protocolVersion)
        #expect(rogue.alert == SSL_AD_PROTOCOL_VERSION)
    }

    @Test func tls12ServerIsRefused() throws {
        let client = try TLSConnection.client(
            fixtures.context(fixtures.n1),
            expecting: ExpectedPeer(name: "n2")
        )
        let rogue = RoguePeer(
            .init(isServer: true, certificate: fixtures.n2, version: TLS1_2_VERSION)
        )
        _ = try client.advanceHandshake()
        rogue.feed(Array(client.takeCiphertext().readableBytesView))
        let error = try #require(handshake(client, with: rogue))
        #expect(error.code == .protocolVersion, "\(error)")
    }

    @Test(arguments: [[], ["http/1.1"], ["h", "h22"]])
    func clientWithoutHTTP2InALPNIsRefused(_ protocols: [String]) throws {
        let server = try TLSConnection.server(fixtures.context(fixtures.n1))
        let rogue = RoguePeer(.init(certificate: fixtures.n2, protocols: protocols))
        let error = try #require(handshake(server, with: rogue))
        #expect(error.code == .noApplicationProtocol)
        #expect(error.message.contains("127.0.0.1:50000 does not offer HTTP/2"))
        #expect(rogue.alert == SSL_AD_NO_APPLICATION_PROTOCOL)
    }

    @Test func serverThatDoesNotSelectHTTP2IsRefused() throws {
        let client = try TLSConnection.client(
            fixtures.context(fixtures.n1),
            expecting: ExpectedPeer(name: "n2")
        )
        let rogue = RoguePeer(.init(isServer: true, certificate: fixtures.n2, protocols: []))
        _ = try client.advanceHandshake()
        rogue.feed(Array(client.takeCiphertext().readableBytesView))
        let error = try #require(handshake(client, with: rogue))
        #expect(error.code == .noApplicationProtocol)
        #expect(error.message == "127.0.0.1:7946 did not select HTTP/2 (h2) by ALPN")
    }

    @Test func serverIssuesNoSessionTickets() throws {
        let server = try TLSConnection.server(fixtures.context(fixtures.n1))
        let client = try TLSConnection.client(
            fixtures.context(fixtures.n2),
            expecting: ExpectedPeer(name: "n1")
        )
        _ = try client.advanceHandshake()
        client.drainCiphertext { server.feed($0) }
        _ = try server.advanceHandshake()
        server.drainCiphertext { client.feed($0) }
        #expect(try client.advanceHandshake())
        client.drainCiphertext { server.feed($0) }
        #expect(try server.advanceHandshake())
        #expect(!server.hasCiphertext)
    }

    @Test(arguments: [
        ("node.chord.test", true), ("127.0.0.1", false), ("::1", false), ("[::1]", false),
    ])
    func addressIsNotSentAsServerName(_ serverName: String, _ isSent: Bool) throws {
        let client = try TLSConnection.client(
            fixtures.context(fixtures.n1),
            expecting: ExpectedPeer(name: "n2"),
            serverName: serverName
        )
        _ = try client.advanceHandshake()
        let hello = Array(client.takeCiphertext().readableBytesView)
        let name = Array(serverName.utf8)
        let contains = hello.indices.contains { hello[$0...].starts(with: name) }
        #expect(contains == isSent)
    }

    @Test func invalidServerNameIsAnError() throws {
        let name = String(repeating: "a", count: 300)
        #expect {
            try TLSConnection.client(
                fixtures.context(fixtures.n1),
                expecting: ExpectedPeer(name: "n2"),
                serverName: name
            )
        } throws: { error in
            (error as? TLSError)?.code == .invalidConfiguration
        }
    }
}
