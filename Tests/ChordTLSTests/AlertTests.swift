// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import ChordTestSupport
import Testing

@testable import ChordTLS

/// What a peer's alert means, in plain words.
@Suite(.tags(.unit)) struct AlertTests {
    private func error(_ alert: Int32) -> TLSError {
        TLSFailure.error(
            from: [.init(code: UInt(ERR_LIB_SSL) << 23 | UInt(SSL_AD_REASON_OFFSET + alert))],
            address: "10.0.0.1:7946",
            isHandshake: false
        )
    }

    @Test(
        "Alerts about our certificate have a message",
        arguments: [
            (
                SSL_AD_BAD_CERTIFICATE,
                ["name, host or trust domain", "does not trust the authority", "Go"]
            ),
            (SSL_AD_UNSUPPORTED_CERTIFICATE, ["serverAuth and clientAuth"]),
            (SSL_AD_CERTIFICATE_REVOKED, ["it is revoked"]),
            (
                SSL_AD_CERTIFICATE_EXPIRED,
                ["this machine's clock says 20", "are both clocks right?"]
            ),
            (SSL_AD_CERTIFICATE_UNKNOWN, ["it gave no reason"]),
            (SSL_AD_UNKNOWN_CA, ["does not trust the authority"]),
            (SSL_AD_CERTIFICATE_REQUIRED, ["this side sent none"]),
            (SSL_AD_DECRYPT_ERROR, ["could not verify our signature"]),
        ]
    )
    func refusals(_ alert: Int32, _ texts: [String]) {
        let error = error(alert)
        #expect(error.code == .peerRefused)
        #expect(error.subject.peer == "10.0.0.1:7946")
        for text in texts { #expect(error.message.contains(text), "\(error)") }
    }

    @Test(
        "Other known alerts have a message",
        arguments: [
            (SSL_AD_HANDSHAKE_FAILURE, TLSError.Code.peerAlert, "none of our cipher suites"),
            (SSL_AD_INSUFFICIENT_SECURITY, .peerAlert, "none of our cipher suites"),
            (SSL_AD_INTERNAL_ERROR, .peerAlert, "an expired revocation list"),
            (SSL_AD_UNRECOGNIZED_NAME, .peerAlert, "does not serve the host name"),
            (SSL_AD_DECODE_ERROR, .peerAlert, "damaged on the way"),
            (SSL_AD_NO_APPLICATION_PROTOCOL, .noApplicationProtocol, "does not speak HTTP/2"),
            (SSL_AD_PROTOCOL_VERSION, .protocolVersion, "does not speak TLS 1.3"),
        ]
    )
    func others(_ alert: Int32, _ code: TLSError.Code, _ text: String) {
        let error = error(alert)
        #expect(error.code == code)
        #expect(error.message.contains(text), "\(error)")
        #expect(error.message.contains("10.0.0.1:7946"))
    }

    @Test func unknownAlertIsNamedByItsNumber() {
        #expect(error(200).code == .peerAlert)
        #expect(error(200).message.contains("(200)"))
    }
}
