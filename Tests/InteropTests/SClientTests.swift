// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordTestSupport
import Testing

/// `openssl s_client` against a node: admission and refusals.
@Suite("openssl s_client against a node", .tags(.network), .timeLimit(.minutes(5)))
struct SClientTests {
    /// The TLS alerts of RFC 8446, section 6, that a node answers with.
    enum Alert: Int, Sendable {
        case badCertificate = 42
        case unsupportedCertificate = 43
        case certificateRevoked = 44
        case certificateExpired = 45
        case unknownAuthority = 48
        case protocolVersion = 70
        case certificateRequired = 116
        case noApplicationProtocol = 120
    }

    /// A connection that a node refuses.
    struct Refusal: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// The certificate that is shown; nil for none.
        var certificate: (@Sendable (TestCertificates) -> TestAuthority.Issued)?
        var options = ["-alpn", "h2"]
        var alert: Alert
        /// The node's log line: code and reason.
        var reason: [String]
    }

    static let refusals = [
        Refusal(
            testDescription: "no certificate",
            alert: .certificateRequired,
            reason: ["certificateMissing: ", "sent no certificate"]
        ),
        Refusal(
            testDescription: "an authority that nobody trusts",
            certificate: { $0.foreignN2 },
            alert: .unknownAuthority,
            reason: [
                "unknownAuthority: ", "is issued by an unknown authority", "foreign authority",
            ]
        ),
        Refusal(
            testDescription: "expired",
            certificate: { $0.expired },
            alert: .certificateExpired,
            reason: ["certificateExpired: ", "expired on "]
        ),
        Refusal(
            testDescription: "not yet valid",
            certificate: { $0.notYetValid },
            alert: .certificateExpired,
            reason: ["certificateNotYetValid: ", "is not valid before "]
        ),
        Refusal(
            testDescription: "revoked",
            certificate: { $0.revoked },
            alert: .certificateRevoked,
            reason: ["certificateRevoked: ", "is revoked by its issuer"]
        ),
        Refusal(
            testDescription: "two URIs",
            certificate: { $0.twoURIs },
            alert: .badCertificate,
            reason: ["identityRefused: ", "carries 2 URIs where exactly one is allowed"]
        ),
        Refusal(
            testDescription: "no URI",
            certificate: { $0.hostOnly },
            alert: .badCertificate,
            reason: ["identityRefused: ", "carries no SPIFFE name"]
        ),
        Refusal(
            testDescription: "an authority's certificate as a member's",
            certificate: { $0.authorityAsLeaf },
            alert: .unsupportedCertificate,
            reason: ["identityRefused: ", "is a certificate authority's"]
        ),
        Refusal(
            testDescription: "the trusted authority itself",
            certificate: { $0.authority },
            alert: .unsupportedCertificate,
            reason: ["identityRefused: ", "is a certificate authority's"]
        ),
        Refusal(
            testDescription: "a foreign trust domain",
            certificate: { $0.foreignTrustDomain },
            alert: .badCertificate,
            reason: ["identityRefused: ", "elsewhere.test", "ours is", "chord.test"]
        ),
        Refusal(
            testDescription: "a usage is missing",
            certificate: { $0.clientOnly },
            alert: .unsupportedCertificate,
            reason: ["identityRefused: ", "missing: serverAuth"]
        ),
        Refusal(
            testDescription: "TLS 1.2",
            certificate: { $0.alice },
            options: ["-alpn", "h2", "-tls1_2"],
            alert: .protocolVersion,
            reason: ["protocolVersion: ", "does not offer TLS 1.3"]
        ),
        Refusal(
            testDescription: "no ALPN",
            certificate: { $0.alice },
            options: [],
            alert: .noApplicationProtocol,
            reason: ["noApplicationProtocol: ", "does not offer HTTP/2 (h2) by ALPN"]
        ),
        Refusal(
            testDescription: "ALPN of HTTP/1.1 only",
            certificate: { $0.alice },
            options: ["-alpn", "http/1.1"],
            alert: .noApplicationProtocol,
            reason: ["noApplicationProtocol: ", "does not offer HTTP/2 (h2) by ALPN"]
        ),
    ]

    @Test(arguments: refusals)
    func unknownClientIsRefusedAndTheNodeContinues(_ refusal: Refusal) async throws {
        try await Ring.running { ring in
            let certificates = try await TestCertificates.get()
            let certificate = refusal.certificate?(certificates)
            try await Self.connect(to: ring.address, as: certificate, refusal.options) { client in
                // A client of TLS 1.3 counts as connected before it is judged: what it is told shows
                // at the end of the connection.
                let status = try await client.exit()
                #expect(status != 0)
                #expect(
                    client.errors.text.contains("SSL alert number \(refusal.alert.rawValue)"),
                    "\(client.report)"
                )
                #expect(client.output.bytes.isEmpty, "the node sent something: \(client.report)")
            }
            try await ring.hasLogged("a handshake failed", refusal.reason)
            try await ring.servesAGoodClient()
        }
    }

    @Test(arguments: ["h2", "http/1.1,h2"])
    func memberReceivesSettings(protocols: String) async throws {
        let certificates = try await TestCertificates.get()
        try await Ring.running { ring in
            let options = ["-alpn", protocols, "-CAfile", certificates.authority.certificate]
            try await Self.connect(
                to: ring.address,
                as: certificates.alice,
                options + ["-verify_return_error", "-verify", "2"]
            ) { client in
                let frame = try await client.wait(for: "an HTTP/2 frame header") { output in
                    output.bytes.count >= 9 ? Array(output.bytes.prefix(9)) : nil
                }
                #expect(frame[0...2].elementsEqual([0, 0, frame[2]]))
                #expect(frame[2] % 6 == 0, "a setting takes six bytes")
                // The frame is SETTINGS, no acknowledgement, of the connection as a whole.
                #expect(Array(frame[3...]) == [4, 0, 0, 0, 0, 0])
            }
        }
    }

    /// Runs s_client for the time of `body`; its output is what the server's application sends.
    private static func connect(
        to address: String,
        as certificate: TestAuthority.Issued?,
        _ options: [String],
        _ body: (ChildProcess) async throws -> Void
    ) async throws {
        let identity = certificate.map { ["-cert", $0.certificate, "-key", $0.key] } ?? []
        try await ChildProcess.running(
            "openssl",
            ["s_client", "-connect", address, "-quiet"] + identity + options,
            body
        )
    }
}

extension Ring {
    /// Waits for a line of the log.
    func hasLogged(_ message: String, _ parts: [String]) async throws {
        try await log.until { lines in
            lines.contains { line in
                let error = line.metadata["chord.error"].map { "\($0)" } ?? ""
                return line.message == message && parts.allSatisfy { error.contains($0) }
            }
        }
    }

    /// Looks a key up as a good client.
    func servesAGoodClient() async throws {
        let found = try await withClient(of: address) { try await $0.lookup(key: "a key") }
        #expect(found.owner == owner(of: nodes[0].identifier(of: "a key")))
    }
}
