// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// Describes failed handshakes and reads, from the errors in OpenSSL's queue.
enum TLSFailure {
    static func error(
        from entries: [OpenSSLErrors.Entry],
        address: String,
        isHandshake: Bool
    ) -> TLSError {
        // The oldest entry is the cause; the later ones follow from it.
        guard let entry = entries.first(where: { $0.library == ERR_LIB_SSL }) ?? entries.first
        else {
            return TLSError(.internalFailure, "OpenSSL gave no reason")
        }
        let reason = entry.reason
        if entry.library == ERR_LIB_SSL,
            (SSL_AD_REASON_OFFSET..<SSL_AD_REASON_OFFSET + 256).contains(reason)
        {
            return alert(reason - SSL_AD_REASON_OFFSET, address: address)
        }
        guard entry.library == ERR_LIB_SSL else {
            return TLSError(.malformed, "\(address) broke the TLS protocol: \(entry.text)")
        }
        switch reason {
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
            return TLSError(
                .certificateMissing,
                "\(address) sent no certificate; every client needs one"
            )
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_UNKNOWN_PROTOCOL, SSL_R_VERSION_TOO_LOW:
            return TLSError(.protocolVersion, "\(address) does not offer TLS 1.3")
        case SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST:
            return TLSError(.notTLS, "\(address) sent plain HTTP where TLS is expected")
        case SSL_R_WRONG_VERSION_NUMBER where isHandshake:
            return TLSError(.notTLS, "\(address) does not speak TLS, or only an obsolete version")
        case SSL_R_NO_SHARED_CIPHER, SSL_R_NO_SUITABLE_KEY_SHARE, SSL_R_NO_SUITABLE_GROUPS,
            SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
            return TLSError(
                .handshakeFailed,
                "\(address) and this node have no cipher suite in common: \(entry.text)"
            )
        default:
            return TLSError(.malformed, "\(address) broke the TLS protocol: \(entry.text)")
        }
    }

    private static func alert(_ number: Int32, address: String) -> TLSError {
        let name = String(cString: SSL_alert_desc_string_long(number))
        let alert = "alert \(name) (\(number))"
        let about = TLSError.Subject(peer: address)
        if let reason = refusal(number) {
            return TLSError(
                .peerRefused,
                "the peer refused our certificate: \(alert): \(reason)",
                about: about
            )
        }
        switch number {
        case SSL_AD_NO_APPLICATION_PROTOCOL:
            return TLSError(
                .noApplicationProtocol,
                "\(address) does not speak HTTP/2 (h2): \(alert)",
                about: about
            )
        case SSL_AD_PROTOCOL_VERSION:
            return TLSError(
                .protocolVersion,
                "\(address) does not speak TLS 1.3: \(alert)",
                about: about
            )
        default:
            let reason = meaning(number).map { ": \($0)" } ?? ""
            return TLSError(
                .peerAlert,
                "\(address) ended the connection: \(alert)\(reason)",
                about: about
            )
        }
    }

    /// What an alert says about our certificate; nil if the alert is not about it.
    ///
    /// RFC 8446, section 6.2, leaves the choice of alert to implementations. Go programs send
    /// `bad_certificate` for everything that their verification finds, such as an unknown authority
    /// or a wrong host.
    private static func refusal(_ number: Int32) -> String? {
        switch number {
        case SSL_AD_BAD_CERTIFICATE:
            "it does not accept the name, host or trust domain in it, or does not trust the authority"
                + " that issued it (Go programs send this alert for any of these); see the peer's log"
        case SSL_AD_UNSUPPORTED_CERTIFICATE:
            "its usages or its type of key are not accepted: it needs serverAuth and clientAuth"
        case SSL_AD_CERTIFICATE_REVOKED: "it is revoked"
        case SSL_AD_CERTIFICATE_EXPIRED:
            "it is expired or not yet valid by the peer's clock; this machine's clock says"
                + " \(Clock.text): are both clocks right?"
        case SSL_AD_CERTIFICATE_UNKNOWN, SSL_AD_ACCESS_DENIED:
            "it gave no reason; see the peer's log"
        case SSL_AD_UNKNOWN_CA: "it does not trust the authority that issued it"
        case SSL_AD_CERTIFICATE_REQUIRED: "this side sent none"
        case SSL_AD_DECRYPT_ERROR:
            "it could not verify our signature; do certificate and key belong together?"
        default: nil
        }
    }

    /// The meaning of the other alerts, for the person who must act on them.
    private static func meaning(_ number: Int32) -> String? {
        switch number {
        case SSL_AD_HANDSHAKE_FAILURE, SSL_AD_INSUFFICIENT_SECURITY:
            "it supports none of our cipher suites, key exchange groups or signature algorithms"
        case SSL_AD_INTERNAL_ERROR:
            "an error on the peer's side, such as an expired revocation list; see the peer's log"
        case SSL_AD_UNRECOGNIZED_NAME: "it does not serve the host name that was dialled"
        case SSL_AD_USER_CANCELLED: "it was asked to stop"
        case SSL_AD_DECODE_ERROR, SSL_AD_ILLEGAL_PARAMETER, SSL_AD_UNEXPECTED_MESSAGE,
            SSL_AD_BAD_RECORD_MAC, SSL_AD_RECORD_OVERFLOW:
            "bytes were damaged on the way, or one of the two programs breaks the protocol"
        case SSL_AD_MISSING_EXTENSION, SSL_AD_UNSUPPORTED_EXTENSION:
            "the two programs disagree about the extensions of TLS 1.3"
        default: nil
        }
    }
}
