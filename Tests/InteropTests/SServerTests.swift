// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordIdentity
import ChordRPC
import ChordTestSupport
import Testing

/// Our client against `openssl s_server`: refusals and their messages.
@Suite("Our client against openssl s_server", .tags(.network), .timeLimit(.minutes(5)))
struct SServerTests {
    /// A server that our client refuses.
    struct Refusal: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var certificate: @Sendable (TestCertificates) -> TestAuthority.Issued?
        var options = ["-alpn", "h2"]
        /// The reason, for programs.
        var reason = ChordError.Reason.peerCertificateRefused
        /// A part of the message to the user.
        var message: [String]
    }

    static let refusals = [
        Refusal(
            testDescription: "a host of another name",
            certificate: { $0.elsewhere },
            reason: .peerIsAnother,
            message: ["holds for elsewhere.example, expected 127.0.0.1"]
        ),
        Refusal(
            testDescription: "a client's certificate",
            certificate: { $0.alice },
            reason: .peerIsAnother,
            message: ["has role client, expected node"]
        ),
        Refusal(
            testDescription: "no ALPN",
            certificate: { $0.n2 },
            options: [],
            reason: .notOurProtocol,
            message: ["did not select HTTP/2 (h2) by ALPN"]
        ),
        Refusal(
            testDescription: "ALPN of HTTP/1.1 only",
            certificate: { $0.n2 },
            options: ["-alpn", "http/1.1"],
            reason: .notOurProtocol,
            message: ["HTTP/2 (h2)"]
        ),
        Refusal(
            testDescription: "TLS 1.2",
            certificate: { $0.n2 },
            options: ["-alpn", "h2", "-tls1_2"],
            reason: .notOurProtocol,
            message: ["does not speak TLS 1.3"]
        ),
        Refusal(
            testDescription: "expired",
            certificate: { $0.expired },
            message: ["expired on ", "this machine's clock says "]
        ),
        Refusal(
            testDescription: "not yet valid",
            certificate: { $0.notYetValid },
            message: ["is not valid before ", "this machine's clock says ", "is that right?"]
        ),
        Refusal(
            testDescription: "revoked",
            certificate: { $0.revoked },
            message: ["is revoked by its issuer"]
        ),
        Refusal(
            testDescription: "an authority that nobody trusts",
            certificate: { $0.foreignN2 },
            message: ["issued by an unknown authority", "foreign authority"]
        ),
        Refusal(
            testDescription: "two URIs",
            certificate: { $0.twoURIs },
            message: ["carries 2 URIs where exactly one is allowed"]
        ),
        Refusal(
            testDescription: "a foreign trust domain",
            certificate: { $0.foreignTrustDomain },
            message: ["elsewhere.test"]
        ),
    ]

    @Test(arguments: refusals)
    func serverOfAnotherAuthorityIsRefused(_ refusal: Refusal) async throws {
        let certificates = try await TestCertificates.get()
        let certificate = try #require(refusal.certificate(certificates))
        try await Self.serving(certificate, refusal.options) { address in
            try await withClient(of: address) { client in
                let error = await #expect(throws: ChordError.self) {
                    try await client.lookup(key: "a key")
                }
                #expect(error?.code == .noContact)
                #expect(error?.reasons == [refusal.reason])
                let text = error.map { "\($0)" } ?? ""
                #expect(text.contains(address), "the user learns which address: \(text)")
                for part in refusal.message {
                    #expect(text.contains(part), "\(text)")
                }
            }
        }
    }

    @Test
    func nodeWithAnotherNameIsRefused() async throws {
        let certificates = try await TestCertificates.get()
        let n2 = certificates.n2
        try await Self.serving(n2, ["-alpn", "h2"]) { address in
            try await BareTransport.running(as: certificates.alice) { transport in
                let outcome = await transport.call(
                    TestMethod.echo,
                    at: address,
                    expecting: ExpectedPeer(name: "n1")
                )
                #expect(outcome.result.status.code == .unavailable)
                #expect(outcome.result.status.origin == .transport)
                #expect(
                    outcome.result.status.message.contains("names node n2, expected n1"),
                    "\(outcome.result.status)"
                )
            }
        }
    }

    /// Runs s_server at a port of the kernel's choice for the time of `body`.
    private static func serving(
        _ certificate: TestAuthority.Issued,
        _ options: [String],
        _ body: (_ address: String) async throws -> Void
    ) async throws {
        let arguments = [
            "s_server", "-accept", "127.0.0.1:0", "-cert", certificate.certificate, "-key",
            certificate.key, "-CAfile", try await TestCertificates.get().authority.certificate,
            "-Verify", "2",
        ]
        try await ChildProcess.running("openssl", arguments + options) { server in
            let address = try await server.wait(for: "its address") { output in
                output.text.contains("\n")
                    ? output.lines.first { $0.hasPrefix("ACCEPT ") && $0.contains(":") } : nil
            }
            try await body(String(address.dropFirst("ACCEPT ".count)))
        }
    }
}
